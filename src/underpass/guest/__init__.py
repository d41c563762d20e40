"""The only code of ours that runs inside a sandbox. Standard library only, and little of it.

Nothing here is a wall: a program can reach and change all of it. It makes the sandbox pleasant to
write code for; what guards the host is outside.
"""
