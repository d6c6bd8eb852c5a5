"""Forbids lambdas that capture structured bindings.

C++20 and g++ allow them; clang 14, which builds the presets fuzz and tsan and is in clang-tidy, does
not. [&other = name] captures the same object; [&name = name] does, too, but clang 19 has -Wshadow warn
of it. The check reads brackets and words, no types: a name that is declared anew within a lambda, or
that is another's member, is none of the binding's.
"""

import re

import tree

WHY = "clang 14 lets no lambda capture a structured binding, clang 19 warns of [&{0} = {0}]; capture [&other = {0}]"
BINDING = re.compile(r"\bauto\s*&{0,2}\s*\[([\w\s,]+)\]")
# A subscript follows a name or a closing bracket, an attribute has two brackets.
LAMBDA = re.compile(r"(?<![\w\])\[])(?<!auto )(?<!auto& )(?<!auto&& )\[(?!\[)")
CLOSING = {"(": ")", "[": "]", "{": "}"}


def end_of(text, begin):
    """Behind the bracket that closes the one at `begin`; the end of the text if none does."""
    open_ = []
    for i in range(begin, len(text)):
        if text[i] in CLOSING:
            open_.append(CLOSING[text[i]])
        elif open_ and text[i] == open_[-1]:
            open_.pop()
            if not open_:
                return i + 1
    return len(text)


def end_of_statement(text, begin):
    """Behind the statement, simple or compound, that begins there."""
    i = begin
    while i < len(text) and text[i] not in ";}":
        if text[i] in CLOSING:
            brace = text[i] == "{"
            i = end_of(text, i)
            if brace:
                return i
        else:
            i += 1
    return i


def scope(text, begin):
    """Where the names end that are declared there: with the loop, if in the head of one, or else with the block."""
    i = begin
    while i < len(text):
        if text[i] in CLOSING:
            i = end_of(text, i)
        elif text[i] == ")":
            return end_of_statement(text, i + 1)
        elif text[i] == "}":
            return i
        else:
            i += 1
    return i


def lambdas(text):
    """(begin, captures, parameters, body) of each lambda that is in no other one."""
    i = 0
    while match := LAMBDA.search(text, i):
        behind = i = end_of(text, match.start())
        while (i := re.compile(r"[^;{}()\[\]]*").match(text, i).end()) < len(text) and text[i] == "(":
            i = end_of(text, i)
        if i < len(text) and text[i] == "{":
            end = end_of(text, i)
            yield match.start(), text[match.end() : behind - 1], text[behind:i], text[i:end]
            behind = end
        i = behind


def parts(captures):
    """The captures, parted at the commas that are in no brackets."""
    found, begin, i = [], 0, 0
    while i < len(captures):
        if captures[i] == ",":
            found.append(captures[begin:i].strip())
            begin = i + 1
        i = end_of(captures, i) if captures[i] in CLOSING else i + 1
    return [*found, captures[begin:].strip()]


def declared(name, text):
    """Whether the text declares the name: as a word behind that of a type, or in a binding."""
    of_type = rf"(?:\b(?!(?:return|throw|else|case)\b)\w+|>)\s*[&*]*\s+[&*]*{name}\s*[,;:=)({{]"
    return re.search(rf"{of_type}|\bauto\s*&*\s*\[[^\]]*\b{name}\b", text)


def captured(text, names):
    """(place, name) of each of the names that a lambda in the text captures."""
    for begin, captures, parameters, body in lambdas(text):
        given = parts(captures)
        anew = {}
        for part in given:
            if "=" in part[1:]:
                name, value = part.split("=", 1)
                anew[name.strip(" &")] = value.strip()
        for name in names:
            if name in anew:
                if anew[name] == name:
                    yield begin, name
                continue
            used = re.search(rf"(?<![\w.:])(?<!->){name}\b(?!\s*::)", body)
            of_all = given[0] in ("&", "=") and used and not declared(name, parameters + body)
            if of_all or name in given or f"&{name}" in given:
                yield begin, name


def check(root):
    findings = []
    for path in tree.files(root, tree.CPP):
        text = tree.code(tree.read(root, path))
        for match in BINDING.finditer(text):
            names = [name.strip() for name in match[1].split(",")]
            begin = match.end()
            for place, name in captured(text[begin : scope(text, begin)], names):
                line = text.count("\n", 0, begin + place) + 1
                findings.append(f"{path}:{line}: {name}: {WHY.format(name)}")
    return findings


if __name__ == "__main__":
    tree.main(check)
