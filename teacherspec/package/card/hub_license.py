"""Licences in the form that the Hugging Face hub takes: its own identifiers in lower case, others by name."""

HUB_LICENSES = frozenset({
    "afl-3.0", "agpl-3.0", "apache-2.0", "apple-amlr", "apple-ascl", "artistic-2.0",
    "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bigscience-openrail-m", "bsd", "bsd-2-clause",
    "bsd-3-clause", "bsd-3-clause-clear", "bsl-1.0", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5",
    "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0",
    "cdla-sharing-1.0", "creativeml-openrail-m", "deepfloyd-if-license", "ecl-2.0", "epl-1.0",
    "epl-2.0", "etalab-2.0", "eupl-1.1", "eupl-1.2", "fair-noncommercial-research-license", "gemma",
    "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "h-research", "intel-research", "isc", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "lgpl-lr", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4",
    "lppl-1.3c", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "open-mdw",
    "openmdw-1.0", "openrail", "openrail++", "osl-3.0", "other", "pddl", "postgresql", "unknown",
    "unlicense", "wtfpl", "zlib",
})  # fmt: skip
"""Of https://huggingface.co/docs/hub/repositories-licenses."""

_OTHER_FORMS = {
    **{f"{name}-{version}-{suffix}": f"{name}-{version}"
       for name, versions in {"gpl": ("2.0", "3.0"), "lgpl": ("2.1", "3.0"), "agpl": ("3.0",)}.items()
       for version in versions for suffix in ("only", "or-later")},
    "odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "c-uda-1.0": "c-uda",
    "gfdl-1.3": "gfdl", "gfdl-1.3-only": "gfdl", "gfdl-1.3-or-later": "gfdl",
}  # fmt: skip
"""Identifier of SPDX in lower case → that of the hub, where they differ by more than case."""


def hub_license(declared: str) -> dict[str, str]:
    """The entries `license` and, where the hub does not know it, `license_name` of a card's front matter.

    Args:
        declared: an identifier of SPDX or of the hub, in any case.
    """
    folded = declared.casefold()
    known = _OTHER_FORMS.get(folded, folded)
    if known in HUB_LICENSES:
        return {"license": known}
    return {"license": "other", "license_name": folded}
