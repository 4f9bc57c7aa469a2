"""A document as the checks see it: its headings, links, code blocks, and the marks that stand before blocks.

A mark is an HTML comment, so readers of the page never see it:

  <!-- not run: REASON -->            the next block is shown only
  <!-- before: COMMAND -->            run first, as if the reader had
  <!-- file: NAME -->                 the next block is a file of the reader's folder
  <!-- same as: FILE -->              the next block stands word for word in a file of the repository, which is tested
  <!-- is: KIND -->                   the next block (YAML) is what saga-server takes as `saga-server.yml`, or `a definition`
  <!-- from: COMMAND -->              the next block (JSON) has the form of what this answers
  <!-- let TEXT be: COMMAND -->       from here on TEXT stands for what this prints
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin

MARK = re.compile(r"<!--\s*(not run|before|file|same as|is|from|let (?P<text>.+?) be):\s*(?P<value>.*?)\s*-->", re.DOTALL)


def slug(heading):
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@dataclass
class Block:
    line: int
    info: str
    text: str
    marks: list = field(default_factory=list)

    @property
    def language(self):
        return re.split(r"[,\s]", self.info)[0]

    def mark(self, kind):
        return next((value for name, value in self.marks if name == kind), None)


@dataclass
class Link:
    line: int
    target: str


class Document:
    def __init__(self, root, path):
        self.path = path
        self.name = str(path.relative_to(root))
        self.blocks, self.links, self.words, self.anchors = [], [], [], set()
        parser = MarkdownIt("commonmark").enable("table")
        parser.use(anchors_plugin, max_level=6, slug_func=slug)
        self.read(parser.parse(path.read_text(encoding="utf-8")))

    def read(self, tokens):
        marks = []
        for token in tokens:
            line = (token.map[0] + 1) if token.map else 0
            if token.type == "heading_open":
                self.anchors.add(token.attrs["id"])
            elif token.type == "html_block":
                marks += [
                    (found["text"] and "let" or found[1], (found["text"], found["value"]) if found["text"] else found["value"])
                    for found in MARK.finditer(token.content)
                ]
            elif token.type == "fence":
                self.blocks.append(Block(line, token.info.strip(), token.content, marks))
                marks = []
            elif token.type == "code_block":
                self.blocks.append(Block(line, "", token.content, marks))
                marks = []
            for child in token.children or []:
                if child.type == "link_open":
                    self.links.append(Link(line, child.attrs["href"]))
                elif child.type == "image":
                    self.links.append(Link(line, child.attrs["src"]))
                elif child.type == "code_inline":
                    self.words.append((line, child.content))


def every(root, names):
    return {name: Document(root, Path(root) / name) for name in names}
