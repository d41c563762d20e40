"""What may stand in a generated TypeScript module, checked without a parser."""

import re

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_COMMENT = re.compile(r"/\*\*(?:[^*]|\*(?!/))*\*/")
_LINES = re.compile(
    r"""// [^\r\u2028\u2029]*
    | import\ \{\ (callTool\ as\ \$callTool|servers\ as\ \$servers)\ \}\ from\ "";
    | import\ \{\ offered\ as\ \$offered(,\ tools\ as\ \$tools)?\ \}\ from\ "";
    | export\ const\ (prompts|resources)_?:\ import\(""\)\.\w+\ =\ \$offered\(import\.meta\.url,\ "",\ ""\);
    | const\ \$\ =\ \$(tools|servers)\(import\.meta\.url\);
    | export\ \{(\ ToolError\ \}\ from\ ""|\});
    | export\ const\ \w+:\ typeof\ import\(""\)(\.\w+)?\ =\ \$\(""\);
    | export\ type\ \{\ \w+,\ \w+\ \}\ from\ "";
    | export\ type\ \w+\ =\ [\w"<>\[\]{}|,.:?()\ -]+;
    | export\ interface\ \w+\ \{
    | \ \ ([\w$]+|""|\[key:\ string\])\??:\ [\w"<>\[\]{}|,.:?()\ -]+;
    | export\ async\ function\ \w+\(args:\ \w+(\ =\ \{\})?\):\ Promise<\w+>\ \{
    | \ \ return\ await\ \$callTool\("",\ "",\ args\)\ as\ \w+;
    | \}
    | \s*""",
    re.VERBOSE,
)


def foreign_lines(source: str) -> list[str]:
    """The lines of a module that are more than interfaces, types and one call in a function."""
    header, _, rest = source.partition("\n")
    comments = [line for line in rest.splitlines() if line.startswith("// ")]
    # A comment's marks may stand in a string, and quotes in a comment: whichever begins first counts.
    outside = re.sub(
        f"{_COMMENT.pattern}|{_STRING.pattern}", _blank, rest.replace("\n".join(comments), "", 1)
    )
    lines = [header, *comments, *outside.split("\n")]
    return [line for line in lines if _LINES.fullmatch(line) is None]


def _blank(match: "re.Match[str]") -> str:
    return '""' if match[0].startswith('"') else ""
