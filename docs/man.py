#!/usr/bin/env python3
"""A page of docs as a man page: man.py PAGE.md NAME SECTION VERSION SUMMARY > NAME.SECTION.

Reads the Markdown that these docs use: headings, paragraphs, indented and fenced blocks, lists,
tables, **bold**, *italic*, `code` and [links](to). Two columns become a list of terms, more a table.
"""
import re
import sys

SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "~": "\\(ti", "^": "\\(ha"}
INLINE = re.compile(
    r"\\(?P<quoted>[^\w\s])|`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*|\*(?P<italic>[^*\s][^*]*?)\*"
    r"|\[(?P<link>[^\]]+)\]\((?P<to>[^)\s]+)\)"
)
LIST_ITEM = re.compile(r"(\*|-|\d+\.) +(.*)")


def plain(text):
    return "".join(
        SPECIAL.get(c, c if ord(c) < 127 else f"\\[u{ord(c):04X}]") for c in text
    )


def inline(text):
    out, at = [], 0
    for found in INLINE.finditer(text):
        out.append(plain(text[at : found.start()]))
        at = found.end()
        if found["quoted"]:
            out.append(plain(found["quoted"]))
        elif found["code"]:
            out.append(f"\\fB{plain(found['code'])}\\fR")
        elif found["bold"]:
            out.append(f"\\fB{inline(found['bold'])}\\fR")
        elif found["italic"]:
            out.append(f"\\fI{plain(found['italic'])}\\fR")
        else:
            out.append(inline(found["link"]))
    return "".join(out) + plain(text[at:])


def line(text):
    """A line of text; roff takes a dot at its beginning for a request."""
    text = inline(text)
    return ("\\&" if text.startswith((".", "'")) else "") + text


def literal(lines):
    body = [("\\&" if text.startswith(".") else "") + plain(text) for text in lines]
    return [".PP", ".RS 4", ".nf", *body, ".fi", ".RE"]


def cells_of(row):
    row = row.strip().removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)]


def unpiped(cell):
    return cell.replace("\\|", "|")


def terms(head, rows):
    out = []
    if any(head):
        out += [".PP", f"\\fI{inline(' / '.join(c for c in head if c))}\\fR:"]
    for row in rows:
        term, text = (unpiped(cell) for cell in (row + ["", ""])[:2])
        out += [".TP", f"\\fB{inline(term)}\\fR" if term else "\\&", line(text) if text else "\\&"]
    return out


def table(head, rows):
    columns = ["l"] * (len(head) - 1) + ["lx"]
    out = [".PP", ".na", ".TS", " ".join(column + "b" for column in columns)]
    out.append(" ".join(columns) + ".")
    for row in [head, *rows]:
        row = (row + [""] * len(head))[: len(head)]
        out.append("\t".join(f"T{{\n{line(unpiped(cell)) or chr(92) + '&'}\nT}}" for cell in row))
    return [*out, ".TE", ".ad"]


class Page:
    def __init__(self, lines):
        self.lines, self.at, self.out = lines, 0, []

    def more(self):
        return self.at < len(self.lines)

    def take(self):
        self.at += 1
        return self.lines[self.at - 1]

    def take_while(self, wanted):
        taken = []
        while self.more() and wanted(self.lines[self.at]):
            taken.append(self.take())
        return taken

    def heading(self):
        marks, text = self.take().split(" ", 1)
        if len(marks) > 1:
            self.out.append(f".{'SH' if len(marks) == 2 else 'SS'} {inline(text)}")

    def fenced(self):
        self.take()
        self.out += literal(self.take_while(lambda text: not text.startswith("```")))
        self.take()

    def indented(self):
        lines = self.take_while(lambda text: text.startswith("    ") or not text.strip())
        while lines and not lines[-1].strip():
            lines.pop()
        self.out += literal([text[4:] for text in lines])

    def tabular(self):
        rows = [cells_of(row) for row in self.take_while(lambda text: text.startswith("|"))]
        head, rows = rows[0], rows[2:]
        self.out += terms(head, rows) if len(head) == 2 else table(head, rows)

    def item(self):
        mark, text = LIST_ITEM.match(self.take()).groups()
        more = self.take_while(lambda text: text.startswith("  ") and text.strip())
        self.out.append(".IP \\(bu 2" if mark in "*-" else f".IP {mark} 4")
        self.out.append(line(" ".join([text, *(part.strip() for part in more)])))

    def paragraph(self):
        lines = [self.take()]
        lines += self.take_while(
            lambda text: text.strip() and not text.startswith(("#", "|", "```"))
            and not LIST_ITEM.match(text)
        )
        self.out += [".PP", line(" ".join(text.strip() for text in lines))]

    def convert(self):
        while self.more():
            text = self.lines[self.at]
            if not text.strip():
                self.take()
            elif text.startswith("#"):
                self.heading()
            elif text.startswith("```"):
                self.fenced()
            elif text.startswith("    "):
                self.indented()
            elif text.startswith("|"):
                self.tabular()
            elif LIST_ITEM.match(text):
                self.item()
            else:
                self.paragraph()
        return self.out


def main(path, name, section, version, summary):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    print("'\\\" t")
    print(f'.TH "{name.upper()}" {section} "" "holdfast {version}" "Holdfast"')
    print(f".SH NAME\n{plain(name)} \\- {plain(summary)}\n.SH DESCRIPTION")
    print("\n".join(Page(lines).convert()))


if __name__ == "__main__":
    main(*sys.argv[1:])
