"""Types checked before anything runs: resident type checkers over the generated modules.

    program ─► names servers ─► their modules on disk ─► language server ─► rules ─► verdict

Nothing of a program is executed here, and a checker that fails never makes a run fail.
"""
