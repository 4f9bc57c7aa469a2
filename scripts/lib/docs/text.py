"""What can be checked by reading: links, anchors, paths, languages, dependencies, translations."""

import json
import re
import tomllib
from urllib.parse import unquote

LANGUAGES = {"rust", "rs", "sh", "console", "json", "yaml", "toml", "text", "sql", "kotlin", "properties", "promql", "python"}
PATH = re.compile(r"^[\w.-]+(/[\w.-]+)+\.(rs|md|yml|yaml|sql|json|avsc|toml|sh|py)(::\w+)?$")


def problems(root, documents, files, translations, typed):
    for document in documents.values():
        for line, problem in [
            *links(root, document, documents),
            *paths(root, document, files),
            *languages(document, document.name in typed),
            *data(root, document),
        ]:
            yield f"{document.name}:{line}: {problem}"
    for original, translated in translations:
        yield from translation(documents[original], documents[translated])
    yield from left_out(root, documents)


def links(root, document, documents):
    for link in document.links:
        if re.match(r"^[a-z][a-z0-9+.-]*:", link.target):
            if not re.match(r"^(https?://[\w.-]+|mailto:\S+@\S+)", link.target):
                yield link.line, f"{link.target} is no address"
            continue
        place, _, anchor = link.target.partition("#")
        path = (document.path.parent / unquote(place)).resolve() if place else document.path
        if not path.is_relative_to(root) or not path.exists():
            yield link.line, f"{link.target} leads nowhere"
        elif anchor and path.suffix == ".md":
            name = str(path.relative_to(root))
            if name in documents and unquote(anchor) not in documents[name].anchors:
                yield link.line, f"{name} has no heading #{anchor}"


def paths(root, document, files):
    """A file that is named in a sentence is there, by its whole path or by the end of it, and has the function named."""
    for line, word in document.words:
        if not PATH.match(word):
            continue
        name, _, function = word.partition("::")
        found = [file for file in files if file == name or file.endswith("/" + name)]
        if not found:
            yield line, f"there is no file {name}"
        elif function and not any(re.search(rf"\bfn {function}\b", (root / file).read_text()) for file in found):
            yield line, f"{name} has no function {function}"


def languages(document, is_typed):
    if document.name.endswith(".ko.md"):
        return # a translation's code is the original's
    for block in document.blocks:
        if block.language not in LANGUAGES:
            yield block.line, f"a block of the language {block.info!r}; known are {', '.join(sorted(LANGUAGES))}"
        is_told = any(block.mark(kind) for kind in ("not run", "same as"))
        # Rust that is not compiled as it stands is marked as `rs`, which rustdoc leaves alone.
        if block.language == "rs" and not is_told:
            yield block.line, "is not compiled: <!-- same as: FILE -->, or <!-- not run: REASON -->"
        if block.language == "rust" and "ignore" in block.info:
            yield block.line, "is ignored; mark it as rs, and say <!-- same as: FILE --> or <!-- not run: REASON -->"
        is_told |= any(block.mark(kind) for kind in ("is", "file"))
        # A service's configuration is looked for by a test of docs/guides.
        if is_typed and block.language == "yaml" and not is_told and "platform:" not in block.text.splitlines():
            yield block.line, "does not say what it is: <!-- is: KIND -->, <!-- file: NAME --> or <!-- not run: REASON -->"


def data(root, document):
    """What other checks do not read by running it."""
    for block in document.blocks:
        if (name := block.mark("same as")) is not None and block.text not in (root / name).read_text():
            yield block.line, f"does not stand in {name}"
        try:
            if block.language == "json":
                json.loads(block.text if block.text.lstrip()[0] in "[{" else "{" + block.text + "}")
            elif block.language == "toml":
                yield from ((block.line, problem) for problem in dependencies(root, tomllib.loads(block.text)))
        except ValueError as error:
            yield block.line, f"is not {block.language}: {error}"


def dependencies(root, manifest):
    version = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    wanted = {**manifest.get("dependencies", {}), **manifest.get("dev-dependencies", {})}
    for crate, asked in wanted.items():
        if not crate.startswith("saga-"):
            continue
        known = tomllib.loads((root / crate / "Cargo.toml").read_text()).get("features", {})
        asked = {"version": asked} if isinstance(asked, str) else asked
        if "version" in asked and not version.startswith(asked["version"]):
            yield f"{crate} {asked['version']}, and the version is {version}"
        for feature in asked.get("features", []):
            if feature not in known:
                yield f"{crate} has no feature {feature}"


def translation(original, translated):
    """A translation has the same code, block for block."""
    here = [(block.info, block.text) for block in original.blocks]
    there = [(block.info, block.text) for block in translated.blocks]
    if len(here) != len(there):
        yield f"{translated.name}: has {len(there)} blocks of code, {original.name} has {len(here)}"
    for block, mine, theirs in zip(translated.blocks, here, there):
        if mine != theirs:
            yield f"{translated.name}:{block.line}: is not the block of {original.name}"
            return
    targets = [{link.target.replace(".ko.md", ".md").partition("#")[0] for link in one.links} for one in (original, translated)]
    languages = {original.path.name, "docs/sdk-guide.md", ""}
    for target in (targets[0] ^ targets[1]) - languages:
        yield f"{translated.name}: leads to other places than {original.name}: {target}"
    if len(original.anchors) != len(translated.anchors):
        yield f"{translated.name}: has {len(translated.anchors)} headings, {original.name} has {len(original.anchors)}"


def left_out(root, documents):
    """Rust is compiled and run by the tests of the crate in docs/guides, which names the documents that hold any."""
    compiled = (root / "docs/guides/src/lib.rs").read_text()
    for document in documents.values():
        if document.name.endswith(".ko.md"):
            continue # the same code as the original's
        has_rust = any(block.language == "rust" for block in document.blocks)
        if has_rust and f'"../../../{document.name}"' not in compiled:
            yield f"{document.name}: its Rust is not compiled: name it in docs/guides/src/lib.rs"
