"""M3ToolEval's tasks of DNA and mRNA: short chains of one tool's answer to the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from underpass.bench.m3.texts import SERVER, call, expected, instruction, kebab
from underpass.bench.task import Task, Turn

Direct = Callable[[Turn], Awaitable[Any]]
_PYTHON = "from mcp_servers import m3tooleval\n\n"
_TYPESCRIPT = 'import { m3tooleval } from "mcp-servers";\n\n'


async def _commonest(turn: Turn) -> Any:
    [counts] = await turn(call("count_nucleotides", dna_sequence="AGCTAGCCGATGCA"))
    [most] = await turn(call("find_max_nucleotide", nucleotide_counts=counts))
    [mrna] = await turn(call("transcribe_dna_to_mrna", dna_sequence=most["nucleotide"] * 3))
    return mrna


async def _validated(turn: Turn) -> Any:
    [valid] = await turn(call("is_valid_dna_sequence", dna_sequence="AGCTTX"))
    assert not valid
    return "Invalid DNA sequence"


async def _reversed(turn: Turn) -> Any:
    [dna] = await turn(call("reverse_transcribe_mrna_to_dna", mrna_sequence="AUGCUUUUC"))
    [counts] = await turn(call("count_nucleotides", dna_sequence=dna))
    [most] = await turn(call("find_max_nucleotide", nucleotide_counts=counts))
    return most["nucleotide"]


async def _acids(turn: Turn) -> list[str]:
    [mrna] = await turn(call("transcribe_dna_to_mrna", dna_sequence="AGCTAGCGTA"))
    [acids] = await turn(call("translate_mrna_to_amino_acid", mrna_sequence=mrna))
    return acids.split("-")


async def _length(turn: Turn) -> Any:
    return len(await _acids(turn))


async def _counted(turn: Turn) -> Any:
    [dna] = await turn(call("reverse_transcribe_mrna_to_dna", mrna_sequence="AUGCGU"))
    [counts] = await turn(call("count_nucleotides", dna_sequence=dna))
    return counts


async def _longest(turn: Turn) -> Any:
    sequences = ["AGCTAG", "XYZABC", "GTCAGT"]
    valid = await turn(*(call("is_valid_dna_sequence", dna_sequence=each) for each in sequences))
    return max((each for each, good in zip(sequences, valid, strict=True) if good), key=len)


async def _contains(turn: Turn) -> Any:
    return "Methionine" in await _acids(turn)


async def _combined(turn: Turn) -> Any:
    [counts] = await turn(call("count_nucleotides", dna_sequence="AGCTCCGATTAG"))
    [most] = await turn(call("find_max_nucleotide", nucleotide_counts=counts))
    return [most["nucleotide"], most["count"]]


def _task(name: str, queries: tuple[str, ...], direct: Direct, programs: tuple[str, str, str]) -> Task:
    full = f"dna_sequencer/{name}"
    return Task(
        name=kebab(full),
        kind="chain",
        command=instruction(full),
        servers=(SERVER,),
        queries=queries,
        direct=direct,
        python=_PYTHON + programs[0],
        typescript=_TYPESCRIPT + programs[1],
        code_mode=programs[2],
        expected=expected(full),
    )


_COUNT, _MOST = "count the nucleotides of a DNA sequence", "most frequent nucleotide"
_TRANSCRIBE, _TRANSLATE = "transcribe DNA to mRNA", "translate mRNA to amino acids"
_REVERSE, _VALID = "reverse transcribe mRNA to DNA", "check whether a DNA sequence is valid"

TASKS = (
    _task(
        "find_most_common_nucleotide_and_transcribe",
        (_COUNT, _MOST, _TRANSCRIBE),
        _commonest,
        (
            """\
counts = await m3tooleval.count_nucleotides(dna_sequence="AGCTAGCCGATGCA")
most = await m3tooleval.find_max_nucleotide(nucleotide_counts=counts)
return await m3tooleval.transcribe_dna_to_mrna(dna_sequence=most["nucleotide"] * 3)
""",
            """\
const counts = await m3tooleval.countNucleotides({ dna_sequence: "AGCTAGCCGATGCA" });
const most = await m3tooleval.findMaxNucleotide({ nucleotide_counts: counts });
return await m3tooleval.transcribeDnaToMrna({ dna_sequence: most.nucleotide.repeat(3) });
""",
            """\
counts = await call_tool("m3tooleval_count_nucleotides", {"dna_sequence": "AGCTAGCCGATGCA"})
most = await call_tool("m3tooleval_find_max_nucleotide", {"nucleotide_counts": counts})
mrna = await call_tool(
    "m3tooleval_transcribe_dna_to_mrna", {"dna_sequence": most["nucleotide"] * 3}
)
return mrna["result"]
""",
        ),
    ),
    _task(
        "validate_transcribe_translate",
        (_VALID, _TRANSCRIBE, _TRANSLATE),
        _validated,
        (
            """\
sequence = "AGCTTX"
if not await m3tooleval.is_valid_dna_sequence(dna_sequence=sequence):
    return "Invalid DNA sequence"
mrna = await m3tooleval.transcribe_dna_to_mrna(dna_sequence=sequence)
return await m3tooleval.translate_mrna_to_amino_acid(mrna_sequence=mrna)
""",
            """\
const dna_sequence = "AGCTTX";
if (!(await m3tooleval.isValidDnaSequence({ dna_sequence }))) return "Invalid DNA sequence";
const mrna_sequence = await m3tooleval.transcribeDnaToMrna({ dna_sequence });
return await m3tooleval.translateMrnaToAminoAcid({ mrna_sequence });
""",
            """\
sequence = {"dna_sequence": "AGCTTX"}
if not (await call_tool("m3tooleval_is_valid_dna_sequence", sequence))["result"]:
    return "Invalid DNA sequence"
mrna = await call_tool("m3tooleval_transcribe_dna_to_mrna", sequence)
acids = await call_tool(
    "m3tooleval_translate_mrna_to_amino_acid", {"mrna_sequence": mrna["result"]}
)
return acids["result"]
""",
        ),
    ),
    _task(
        "reverse_transcribe_count_max_nucleotide",
        (_REVERSE, _COUNT, _MOST),
        _reversed,
        (
            """\
dna = await m3tooleval.reverse_transcribe_mrna_to_dna(mrna_sequence="AUGCUUUUC")
counts = await m3tooleval.count_nucleotides(dna_sequence=dna)
most = await m3tooleval.find_max_nucleotide(nucleotide_counts=counts)
return most["nucleotide"]
""",
            """\
const dna = await m3tooleval.reverseTranscribeMrnaToDna({ mrna_sequence: "AUGCUUUUC" });
const counts = await m3tooleval.countNucleotides({ dna_sequence: dna });
return (await m3tooleval.findMaxNucleotide({ nucleotide_counts: counts })).nucleotide;
""",
            """\
dna = await call_tool(
    "m3tooleval_reverse_transcribe_mrna_to_dna", {"mrna_sequence": "AUGCUUUUC"}
)
counts = await call_tool("m3tooleval_count_nucleotides", {"dna_sequence": dna["result"]})
most = await call_tool("m3tooleval_find_max_nucleotide", {"nucleotide_counts": counts})
return most["nucleotide"]
""",
        ),
    ),
    _task(
        "transcribe_translate_amino_acid_length",
        (_TRANSCRIBE, _TRANSLATE),
        _length,
        (
            """\
mrna = await m3tooleval.transcribe_dna_to_mrna(dna_sequence="AGCTAGCGTA")
acids = await m3tooleval.translate_mrna_to_amino_acid(mrna_sequence=mrna)
return len(acids.split("-"))
""",
            """\
const mrna = await m3tooleval.transcribeDnaToMrna({ dna_sequence: "AGCTAGCGTA" });
const acids = await m3tooleval.translateMrnaToAminoAcid({ mrna_sequence: mrna });
return acids.split("-").length;
""",
            """\
mrna = await call_tool("m3tooleval_transcribe_dna_to_mrna", {"dna_sequence": "AGCTAGCGTA"})
acids = await call_tool(
    "m3tooleval_translate_mrna_to_amino_acid", {"mrna_sequence": mrna["result"]}
)
return len(acids["result"].split("-"))
""",
        ),
    ),
    _task(
        "reverse_transcribe_palindrome_check",
        (_REVERSE, _COUNT),
        _counted,
        (
            """\
dna = await m3tooleval.reverse_transcribe_mrna_to_dna(mrna_sequence="AUGCGU")
return await m3tooleval.count_nucleotides(dna_sequence=dna)
""",
            """\
const dna = await m3tooleval.reverseTranscribeMrnaToDna({ mrna_sequence: "AUGCGU" });
return await m3tooleval.countNucleotides({ dna_sequence: dna });
""",
            """\
dna = await call_tool("m3tooleval_reverse_transcribe_mrna_to_dna", {"mrna_sequence": "AUGCGU"})
return await call_tool("m3tooleval_count_nucleotides", {"dna_sequence": dna["result"]})
""",
        ),
    ),
    _task(
        "validate_find_longest_valid_sequence",
        (_VALID,),
        _longest,
        (
            """\
valid = []
for sequence in ["AGCTAG", "XYZABC", "GTCAGT"]:
    if await m3tooleval.is_valid_dna_sequence(dna_sequence=sequence):
        valid.append(sequence)
return max(valid, key=len)
""",
            """\
const valid: string[] = [];
for (const dna_sequence of ["AGCTAG", "XYZABC", "GTCAGT"]) {
  if (await m3tooleval.isValidDnaSequence({ dna_sequence })) valid.push(dna_sequence);
}
return valid.toSorted((a, b) => b.length - a.length)[0];
""",
            """\
valid = []
for sequence in ["AGCTAG", "XYZABC", "GTCAGT"]:
    answer = await call_tool("m3tooleval_is_valid_dna_sequence", {"dna_sequence": sequence})
    if answer["result"]:
        valid.append(sequence)
return max(valid, key=len)
""",
        ),
    ),
    _task(
        "transcribe_translate_find_amino_acid",
        (_TRANSCRIBE, _TRANSLATE),
        _contains,
        (
            """\
mrna = await m3tooleval.transcribe_dna_to_mrna(dna_sequence="AGCTAGCGTA")
acids = await m3tooleval.translate_mrna_to_amino_acid(mrna_sequence=mrna)
return "Methionine" in acids.split("-")
""",
            """\
const mrna = await m3tooleval.transcribeDnaToMrna({ dna_sequence: "AGCTAGCGTA" });
const acids = await m3tooleval.translateMrnaToAminoAcid({ mrna_sequence: mrna });
return acids.split("-").includes("Methionine");
""",
            """\
mrna = await call_tool("m3tooleval_transcribe_dna_to_mrna", {"dna_sequence": "AGCTAGCGTA"})
acids = await call_tool(
    "m3tooleval_translate_mrna_to_amino_acid", {"mrna_sequence": mrna["result"]}
)
return "Methionine" in acids["result"].split("-")
""",
        ),
    ),
    _task(
        "find_most_common_nucleotide_combined_sequence",
        (_COUNT, _MOST),
        _combined,
        (
            """\
combined = "".join(["AGCT", "CCGA", "TTAG"])
counts = await m3tooleval.count_nucleotides(dna_sequence=combined)
most = await m3tooleval.find_max_nucleotide(nucleotide_counts=counts)
return [most["nucleotide"], most["count"]]
""",
            """\
const combined = ["AGCT", "CCGA", "TTAG"].join("");
const counts = await m3tooleval.countNucleotides({ dna_sequence: combined });
const { nucleotide, count } = await m3tooleval.findMaxNucleotide({ nucleotide_counts: counts });
return [nucleotide, count];
""",
            """\
combined = "".join(["AGCT", "CCGA", "TTAG"])
counts = await call_tool("m3tooleval_count_nucleotides", {"dna_sequence": combined})
most = await call_tool("m3tooleval_find_max_nucleotide", {"nucleotide_counts": counts})
return [most["nucleotide"], most["count"]]
""",
        ),
    ),
)
