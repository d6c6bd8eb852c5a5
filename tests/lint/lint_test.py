"""Tests of the checks: each must find its faults and leave good code alone."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import arithmetic
import ascii
import bindings
import forbidden
import headers_stand_alone
import includes
import instruction_sets
import libraries_do_not_print_or_abort
import links
import philox_purposes
import readme_commands
import sizes
import standard_headers
import tree


def findings(check, files, *more):
    """The check's findings in a tree of these files ({path: text}), as one string."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            (root / path).chmod(0o755)
        return "\n".join(check(root, *(root / path for path in more)))


def built_by(check, command, source="nn/a.cpp"):
    """The check, in a tree whose build has this command for the source. {root} in it is the tree."""

    def check_build(root, build):
        entry = {"directory": str(root), "file": f"{root}/{source}", "command": command.format(root=root)}
        (build / "compile_commands.json").write_text(json.dumps([entry]))
        return check(root, build)

    return check_build


class Tree(unittest.TestCase):
    def test_code_has_neither_comments_nor_strings_and_as_many_lines(self):
        text = 'a; // "b\n/* c\n */ d("e//", \'"\', 1\'000); R"x(f\n)y")x" g;\n'
        self.assertEqual(tree.code(text), 'a; \n\n d("", \'\', 1\'000); ""\n g;\n')

    def test_comments_go_and_strings_stay(self):
        self.assertEqual(tree.without_comments('#include "a//b.hpp"  // c'), '#include "a//b.hpp"  ')

    def test_build_products_and_hidden_folders_are_no_part_of_the_tree(self):
        files = {"build/dev/a.cpp": "", ".x/a.cpp": "", "comm/a.cpp": "", "comm/build/a.cpp": ""}
        found = findings(lambda root: map(str, tree.files(root, tree.CPP)), files)
        self.assertEqual(found, "comm/a.cpp\ncomm/build/a.cpp")


class PhiloxPurposes(unittest.TestCase):
    VOTE = "#include <Random123/philox.h>\nenum { kTie = 0x766f7465'00000001, kDraw = 0x766f7465'00000002 };\n"

    def check(self, **files):
        paths = {name.replace("__", "/") + ".hpp": text for name, text in files.items()}
        return findings(philox_purposes.check, paths)

    def test_purposes_of_letters_of_their_own_are_allowed(self):
        self.assertEqual("", self.check(compress__draws=self.VOTE, nn__net="constexpr kI = 0x6e6e'2e69'0000'0000;"))

    def test_a_purpose_twice_is_found(self):
        again = self.VOTE.replace("2 }", "1 }")
        self.assertEqual("compress/draws.hpp:2: kDraw is kTie once more", self.check(compress__draws=again))

    def test_letters_of_another_room_are_found_whatever_follows_them(self):
        other = "\nconstexpr auto kOther = 0x766F746500000007;"
        self.assertEqual('data/b.hpp:2: kOther has the letters "vote" of compress/vote',
                         self.check(compress__vote__a=self.VOTE, data__b=other))
        self.assertEqual("", self.check(compress__vote__a=self.VOTE, compress__vote__b=other))

    def test_whoever_draws_has_a_purpose_in_the_file_or_its_header(self):
        source = {"nn/a.cpp": "\n#include <Random123/philox.h>\nconstexpr int kTwo = 0x2;  // kTie = 0x766f7465'00000001"}
        self.assertIn("nn/a.cpp:2: draws from Philox for no purpose", findings(philox_purposes.check, source))
        self.assertEqual("", findings(philox_purposes.check, source | {"nn/a.hpp": self.VOTE}))
        self.assertEqual("", findings(philox_purposes.check, {"tests/nn/a.cpp": source["nn/a.cpp"]}))

    def test_other_constants_of_64_bits_are_none(self):
        self.assertEqual([], list(philox_purposes.purposes("kMask = 0x00ff00ff00ff00ff; kOne = 0x766f7465;")))


class Includes(unittest.TestCase):
    def assert_refused(self, path, line, why):
        self.assertIn(f"{path}:2: ", found := findings(includes.check, {path: f"//\n{line}\n"}))
        self.assertIn(why, found)

    def assert_allowed(self, path, *lines):
        self.assertEqual(findings(includes.check, {path: "\n".join(lines)}), "")

    def test_down_is_allowed_and_up_is_not(self):
        self.assert_allowed("sim/a.cpp", '#include "nn/b.hpp"', '#include "comm/b.hpp"')
        self.assert_allowed("compress/a.cpp", "#include <span>", '#include "comm/b.hpp"')
        self.assert_refused("comm/a.cpp", '#include "compress/b.hpp"', "comm may not know compress")
        self.assert_refused("nn/a.hpp", ' # include "data/b.hpp"', "nn may not know data")
        self.assert_refused("data/a.hpp", '#include "nn/b.hpp"', "data may not know nn")
        self.assert_refused("bench/a.cpp", '#include "tests/b.hpp"', "bench may not know tests")

    def test_a_room_knows_those_below_it_and_no_other(self):
        self.assert_allowed("sim/round/a.cpp", '#include "sim/plan/b.hpp"', '#include "sim/round/c.hpp"')
        self.assert_allowed("sim/main.cpp", '#include "sim/cli/b.hpp"')
        self.assert_allowed("compress/vote/a.cpp", '#include "compress/select/b.hpp"')
        self.assert_allowed("compress/values/a.cpp", '#include "compress/coder/b.hpp"')
        self.assert_refused("compress/coder/a.cpp", '#include "compress/values/b.hpp"', "compress/coder")
        self.assert_refused("sim/round/a.cpp", '#include "sim/train/b.hpp"', "sim/round may not know sim/train")
        self.assert_refused("sim/law/a.hpp", '#include "sim/cli/b.hpp"', "sim/law may not know sim/cli")
        self.assert_refused("sim/report/a.cpp", '#include "sim/verify/b.hpp"', "sim/report may not know")
        self.assert_refused("sim/cli/a.cpp", '#include "sim/b.hpp"', "sim/cli may not know sim/")
        self.assert_refused("compress/select/a.cpp", '#include "compress/vote/b.hpp"', "compress/select")
        self.assert_refused("compress/vote/a.cpp", '#include "compress/values/b.hpp"', "compress/vote")
        self.assertIn("sim/attic/a.cpp: no room of sim", findings(includes.check, {"sim/attic/a.cpp": ""}))

    def test_only_users_know_backends_and_transports(self):
        self.assert_allowed("sim/a.cpp", '#include "nn/onednn/b.hpp"', '#include "comm/inproc/b.hpp"')
        self.assert_allowed("nn/onednn/a.cpp", '#include "nn/onednn/b.hpp"', '#include "nn/b.hpp"')
        self.assert_refused("nn/a.cpp", '#include "nn/reference/b.hpp"', "may know nn/reference")
        self.assert_refused("nn/cuda/a.cu", '#include "nn/onednn/b.hpp"', "may know nn/onednn")
        self.assert_refused("nn/a.cpp", '#include "nn/abacus/b.hpp"', "may know nn/abacus")
        self.assert_refused("compress/a.cpp", '#include "comm/inproc/b.hpp"', "may know comm/inproc")

    def test_operators_of_a_device_know_the_backend_on_which_they_stand(self):
        own, backend, tensor = (f'#include "{path}"' for path in ("compress/select/a.hpp", "nn/cuda/b.hpp", "nn/tensor.hpp"))
        self.assert_allowed("compress/cuda/a.cpp", own, backend, tensor, "#include <cuda_runtime_api.h>")
        self.assert_allowed("sim/train/a.cpp", '#include "compress/cuda/b.hpp"')
        self.assert_allowed("compress/device/a.hpp", '#include "compress/values/b.hpp"')
        self.assert_refused("compress/cuda/a.cpp", '#include "nn/onednn/b.hpp"', "may know nn/onednn")
        self.assert_refused("compress/cuda/a.cpp", '#include "data/b.hpp"', "compress may not know data")
        self.assert_refused("compress/device/a.hpp", tensor, "compress may not know nn")
        self.assert_refused("compress/device/a.hpp", backend, "compress may not know nn")
        self.assert_refused("compress/device/a.hpp", '#include "compress/cuda/b.hpp"', "may know compress/cuda")
        self.assert_refused("nn/cuda/a.cpp", '#include "compress/cuda/b.hpp"', "nn may not know compress")
        self.assert_refused("compress/values/a.hpp", '#include "compress/device/b.hpp"', "compress/values may not")

    def test_the_law_knows_only_bits(self):
        self.assert_allowed("sim/law/law.cpp", '#include "sim/law/law.hpp"', '#include "comm/bits.hpp"')
        self.assert_refused("sim/law/law.cpp", '#include "compress/b.hpp"', "the law may include")
        self.assert_refused("sim/law/law.hpp", '#include "sim/plan/b.hpp"', "the law may include")
        self.assert_refused("sim/law/position_lengths.cpp", '#include "compress/b.hpp"', "the law may include")
        self.assert_refused("sim/law/value_lengths.hpp", '#include "compress/b.hpp"', "the law may include")

    def test_other_peoples_headers_stay_in_their_folder(self):
        self.assert_allowed("nn/onednn/a.cpp", "#include <oneapi/dnnl/dnnl.hpp>")
        self.assert_refused("nn/a.cpp", "#include <dnnl.hpp>", "nn/onednn")
        self.assert_refused("sim/a.cpp", "#include <cudnn.h>", "nn/cuda")
        self.assert_refused("sim/a.cpp", "#include <cuda_runtime.h>", "nn/cuda")
        self.assert_refused("tests/nn/a.cpp", "#include <cuda_runtime.h>", "nn/cuda")
        self.assert_allowed("tests/cuda_emulation/a.cpp", "#include <cublas_v2.h>")
        self.assert_refused("compress/a.cpp", "#include <fmt/format.h>", "data, sim")
        self.assert_allowed("sim/plan/settings_file.cpp", "#include <toml++/toml.h>")
        self.assert_allowed("sim/report/network.cpp", "#include <toml++/toml.h>")
        self.assert_refused("sim/plan/keys.cpp", "#include <toml++/toml.h>", "settings_file.cpp")
        self.assert_refused("sim/a.cpp", "#include <gtest/gtest.h>", "tests")

    def test_paths_begin_at_the_root(self):
        self.assert_refused("comm/a.cpp", '#include "b.hpp"', "not a path from the root")
        self.assertIn("no folder for sources", findings(includes.check, {"common/a.hpp": ""}))

    def test_the_own_header_comes_first(self):
        files = {"comm/a.hpp": "", "comm/a.cpp": '#include <span>\n#include "comm/a.hpp"'}
        self.assertIn("comm/a.cpp:1: its own header", findings(includes.check, files))

    def test_a_comment_includes_nothing(self):
        self.assert_allowed("comm/a.cpp", "/*", '#include "sim/b.hpp"', "*/")


class LibrariesDoNotPrintOrAbort(unittest.TestCase):
    CHECK = staticmethod(libraries_do_not_print_or_abort.check)
    BAD = (
        "std::cout << 1;",
        "std::cerr << 1;",
        'printf("x");',
        'std::fprintf(stderr, "x");',
        'fmt::print("x");',
        "fmt::print(stdout, x);",
        "std::exit(1);",
        "abort();",
        "std::terminate();",
        "assert(false);",
    )
    GOOD = (
        "// std::cout << 1",
        'throw Error("exit(1)");',
        'std::snprintf(a, 3, "x");',
        "fmt::print(out, x);",
        "app.exit(e);",
        "assert(i < n);",
        "int exit_code(int);",
    )

    def test_in_a_library_each_is_found(self):
        for line in self.BAD:
            with self.subTest(line):
                self.assertIn("nn/a.cpp:2: ", findings(self.CHECK, {"nn/a.cpp": f"\n{line}\n"}))

    def test_the_program_and_the_tests_may(self):
        for path in ("sim/main.cpp", "tests/nn/a.cpp", "bench/a.cpp"):
            self.assertEqual(findings(self.CHECK, {path: "\n".join(self.BAD)}), "")

    def test_what_only_looks_alike_is_left_alone(self):
        self.assertEqual(findings(self.CHECK, {"sim/a.cpp": "\n".join(self.GOOD)}), "")


class Forbidden(unittest.TestCase):
    BAD = (
        ("nn/a.cpp", "using namespace std;"),
        ("nn/a.hpp", "#pragma once\n#define A 1"),
        ("nn/a.hpp", "int a;"),
        ("sim/a.cpp", "for (int x : all | std::views::reverse) {"),
        ("sim/a.cpp", "std::normal_distribution<float> d;"),
        ("tests/a.cpp", "std::uniform_int_distribution<int> d;"),
        ("data/a.cpp", "std::shuffle(a, b, c);"),
        ("data/a.cpp", "std::mt19937_64 g;"),
        ("sim/a.cpp", "std::rand();"),
        ("nn/a.cpp", "y = std::exp(x);"),
        ("CMakeLists.txt", "add_compile_options(-ffast-math)"),
        ("nn/CMakeLists.txt", "add_compile_options(-march=native)"),
        ("CMakePresets.json", '"-O3 -ffp-contract=fast"'),
        ("nn/a.cpp", "using V __attribute__((vector_size(8 * 4), aligned(4))) = float;\nvoid f(const V& x);"),
    )
    GOOD = (
        ("nn/a.cpp", "using V __attribute__((vector_size(8 * 4), aligned(4))) = float;\nvoid f(const V* x);"),
        ("nn/a.cpp", "using V __attribute__((vector_size(32))) = float;\nvoid f(const V& x);"),
        ("nn/a.cpp", "// using namespace std;\nusing std::swap;\n#define A 1"),
        ("nn/a.hpp", "#pragma once\nint a;"),
        ("tests/a.cpp", "std::mt19937 g(1);\ny = std::exp(x);"),
        ("sim/a.cpp", "y = std::log2(x);"),
        ("sim/a.cpp", "std::ranges::reverse(all);"),
        ("nn/a.cpp", "y = std::sqrt(x) + exact_order_exp(x) + std::lround(x);"),
        ("CMakeLists.txt", "add_compile_options(-ffp-contract=off)"),
    )

    def test_each_is_found(self):
        for path, text in self.BAD:
            with self.subTest(text):
                self.assertIn(path + ":", findings(forbidden.check, {path: text}))

    def test_the_rest_is_left_alone(self):
        for path, text in self.GOOD:
            with self.subTest(text):
                self.assertEqual(findings(forbidden.check, {path: text}), "")

    def test_a_packed_vector_of_an_included_header_is_found(self):
        header = "#pragma once\nusing V __attribute__((vector_size(64), may_alias, aligned(4))) = float;"
        source = '#include "nn/v.hpp"\nvoid f(V& x);'
        self.assertIn("nn/a.cpp:2:", findings(forbidden.check, {"nn/v.hpp": header, "nn/a.cpp": source}))
        self.assertEqual(findings(forbidden.check, {"nn/v.hpp": header, "nn/a.cpp": "void f(V& x);"}), "")


class Bindings(unittest.TestCase):
    def check(self, *lines):
        return findings(bindings.check, {"sim/a.cpp": "\n".join(lines)})

    def assert_found(self, place, *lines):
        line, name = place
        self.assertIn(f"sim/a.cpp:{line}: {name}: clang 14", self.check(*lines))

    def test_a_capture_of_all_or_by_name_is_found(self):
        pair = "const auto& [a, b] = f(x[0]);"
        for capture in ("[&]", "[=]", "[&, c = 1]", "[b]", "[x, &b]", "[&, a = 1]", "[&, &b = b]", "[b = b]"):
            with self.subTest(capture):
                self.assert_found((2, "b"), pair, f"g({capture}(int i) mutable -> int {{ return i + h(b); }});")
        self.assert_found((2, "b"), pair, "const auto g = [&]<int I>(int (*f)(int)) noexcept {", "return [&] { return b; }; };")

    def test_names_of_a_loop_are_in_its_statement(self):
        self.assert_found((2, "k"), "for (const auto& [k, v] : map)", "if (v) g([&] { return k; });")
        self.assert_found((1, "k"), "for (auto&& [k, v] : map) { while (h()) { g([&] { return -k; }); } }")
        self.assertEqual("", self.check("for (const auto& [k, v] : map) f(k);", "g([&] { return k; });"))
        self.assertEqual("", self.check("for (const auto& [k, v] : map) {}", "g([&] { return k; });"))
        self.assertEqual("", self.check("{ const auto [k, v] = f(); }", "g([&] { return k; });"))

    def test_what_captures_no_binding_is_left_alone(self):
        for line in (
            "g([&, &c = a] { return c; });",
            "g([&, a = a + 1] { return a; });",
            "g([c = a, &all](int i) { return all[i] + c; });",
            "g([&](int a) { return a; });",
            "g([&] { const int a = 1; return a; });",
            "g([&] { for (const auto& [a, c] : x) h(a); });",
            "g([&] { return x.a + x->a + n::a + a::n; });",
            "g([this, x] { return x; });",
            "return x[a] + y[&a - z];",
            "std::array<int, 2> y{a, b};",
        ):
            with self.subTest(line):
                self.assertEqual("", self.check("const auto [a, b] = f();", line))


class Ascii(unittest.TestCase):
    def test_one_odd_byte_is_found_in_sources_and_scripts(self):
        for path in ("comm/a.cpp", "cmake/a.cmake", "dev", ".ci/run"):
            with self.subTest(path):
                self.assertIn(f"{path}:2: ", findings(ascii.check, {path: "a\n\u03b8\n"}))
        self.assertIn("0x0d", findings(ascii.check, {"comm/a.cpp": "a\r\n"}))

    def test_ascii_is_left_alone(self):
        self.assertEqual(findings(ascii.check, {"comm/a.cpp": "\ttheta ~ |x|\n"}), "")


class Sizes(unittest.TestCase):
    def test_one_line_too_many_is_found(self):
        for path, most in (("comm/a.hpp", 200), ("comm/a.cpp", 600)):
            self.assertEqual(findings(sizes.check, {path: "//\n" * most}), "")
            self.assertIn(f"{path}:", findings(sizes.check, {path: "//\n" * (most + 1)}))


class StandardHeaders(unittest.TestCase):
    def check(self, text, **headers):
        files = {f"comm/{name}.hpp": header for name, header in headers.items()}
        return findings(standard_headers.check, {"comm/a.cpp": text, **files})

    def test_a_name_whose_header_nobody_includes_is_found_once(self):
        text = "#include <vector>\n// <algorithm>\nstd::copy_n(a);\nstd::sort(b);\n"
        self.assertEqual("comm/a.cpp:3: std::copy_n is in <algorithm>", self.check(text))
        self.assertIn("comm/a.cpp:1: std::find is in", self.check("std::ranges::find(a, b);"))

    def test_a_header_of_the_tree_brings_what_it_includes(self):
        text = '#include "comm/b.hpp"\nstd::copy_n(a);\n'
        self.assertEqual("", self.check(text, b='#include "comm/c.hpp"\n', c="#include <algorithm>\n"))
        self.assertIn("std::copy_n", self.check(text, b='// #include "comm/c.hpp"\n', c="#include <algorithm>\n"))

    def test_names_that_are_no_ones_are_left_alone(self):
        self.assertEqual("", self.check('f(a); x::find(a); "std::find"; std::unheard_of();'))


class Links(unittest.TestCase):
    FILES = {
        "README.md": "# The tree\n\n## `a`, b: `c_d`!\n\n## Twice\n\n## Twice\n",
        "comm/README.md": "# comm\n",
        "comm/a.cpp": "",
        "comm/inproc/b.hpp": "",
        "tests/lint/c.py": "",
        "tests/comm/a_test.cpp": "TEST(Bits, Add) {}\nTEST_F(\n    Codec, TakesNone) {}\nTEST_P(OfRow, Holds) {}\n",
        "runs/x": "",
    }

    def check(self, text, page="comm/page.md"):
        return findings(links.check, {**self.FILES, page: text})

    def test_what_leads_nowhere_is_found(self):
        for text, why in (
            ("[a](b.md)", "b.md: no such file"),
            ("[a](/README.md)", "leads out of the tree"),
            ("[a](../../README.md)", "leads out of the tree"),
            ("![a](../plot.svg)", "../plot.svg: no such file"),
            ('<img width="9" src="plot.svg" alt="a">', "plot.svg: no such file"),
            ("[a](../README.md#tree)", "#tree: no such heading"),
            ("[a](#twice)", "#twice: no such heading"),
            ("[a](../README.md#twice-2)", "#twice-2: no such heading"),
            ("[two\nlines](b.md)", "comm/page.md:1: b.md"),
            ("[`a` and [b]](b.md)", "b.md: no such file"),
            ("| [a](README.md) | [b](b.md) |", "b.md: no such file"),
            ("`comm/b.cpp`", "`comm/b.cpp`: no such path"),
            ("`tests/lint/d.py`", "no such path"),
            ("`inproc/b.cpp`", "no such path"),
            ("`comm/outproc/`", "no such path"),
            ("`comm/*.hpp`", "no such path"),
            ("`worker.hpp`", "no file of that name"),
            ("`Bits.Adds`", "no such test"),
            ("`Bit.*`", "no such test"),
            ("`Codec.TakesSome*`", "no such test"),
        ):
            with self.subTest(text):
                found = self.check(text)
                self.assertIn("comm/page.md:1: ", found)
                self.assertIn(why, found)

    def test_a_page_that_a_comment_names_is_looked_for(self):
        for comment in ("// (sim/" + "README.md has them).", "/* a\n see comm/inproc/" + "README.md */"):
            found = findings(links.check, {**self.FILES, "comm/a.cpp": comment})
            self.assertIn("README.md: no such page", found)
        self.assertEqual(findings(links.check, {**self.FILES, "comm/a.cpp": "// comm/README.md"}), "")

    def test_what_is_there_is_left_alone(self):
        for text in (
            "[a](README.md), [b](../README.md#the-tree) and [c](inproc/)",
            "[a](../README.md#a-b-c_d) [b](../README.md#twice) [c](../README.md#twice-1)",
            "## Here\n[a](#here)",
            "[a](https://example.org/a.md) [b](mailto:a@example.org)",
            "[two\nlines](README.md)",
            "```\n[a](b.md) `comm/b.cpp`\n```",
            "`[a](b.md)` is a link",
            "[`a.cpp`](a.cpp) `comm/a.cpp` `inproc/b.hpp` `inproc/` `comm/*.cpp` `c.py`",
            "`Bits.Add` `Bits.*` `Codec.TakesNone` `OfRow.Holds` `Codec.*None` `SSGD.x` `V1.2`",
            "`build/release/mvsgd` `runs/a/b.csv` `a/b.csv` `comm/same_digest/*` `x < y/z.w`",
        ):
            with self.subTest(text):
                self.assertEqual(self.check(text), "")


class HeadersStandAlone(unittest.TestCase):
    def check(self, header):
        """The findings in a tree with this header and one source beside it that does not include it."""
        command = "c++ -std=c++20 -I{root} -o a.o -c {root}/comm/a.cpp"
        check = built_by(headers_stand_alone.check, command, "comm/a.cpp")
        return findings(check, {"comm/b.hpp": header, "comm/a.cpp": "", "build/x": ""}, "build")

    def test_a_missing_include_is_found(self):
        self.assertIn("comm/b.hpp:1: does not compile alone", self.check("std::string b();\n"))

    def test_a_complete_header_is_left_alone(self):
        self.assertEqual(self.check("#pragma once\n#include <string>\nstd::string b();\n"), "")


class InstructionSets(unittest.TestCase):
    LOOPS = "enum class Isa { portable, avx2 };\ntemplate <Isa> struct Loops { static int run() { return 1; } };\n"

    @staticmethod
    def with_flag(flag):
        return built_by(instruction_sets.check, f"c++ {flag} -o a.o -c {{root}}/nn/a.cpp")

    def check(self, code, flag="-mavx2"):
        """The findings of a source that says to be compiled with this flag, and is compiled without it."""

        def check(root, build):
            subprocess.run(["c++", "-std=c++20", "-o", "a.o", "-c", "nn/a.cpp"], cwd=root, check=True)
            return self.with_flag(flag)(root, build)

        return findings(check, {"nn/a.cpp": code, "build/x": ""}, "build")

    def test_an_inline_function_that_is_left_is_found(self):
        code = "inline int shared(int x) { return x + 1; }\nint own(int x) { return shared(x); }\n"
        self.assertEqual("nn/a.cpp:1: shared(int) may be another object's, too", self.check(code))
        self.assertEqual("", self.check(code, "-O0"), "without instructions of its own")

    def test_an_instance_for_the_portable_set_is_found(self):
        instances = "template struct Loops<Isa::avx2>;\ntemplate struct Loops<Isa::portable>;\n"
        found = self.check("namespace a {\n" + self.LOOPS + instances + "}\n")
        self.assertEqual("nn/a.cpp:1: a::Loops<(a::Isa)0>::run() may be another object's, too", found)

    def test_functions_of_its_own_are_left_alone(self):
        self.assertEqual("", self.check("namespace {\nint f(int x) { return x; }\n}\nint own() { return f(1); }\n"))

    def test_an_object_that_is_not_built_is_found(self):
        self.assertIn("a.o", findings(self.with_flag("-mavx2"), {"nn/a.cpp": "", "build/x": ""}, "build"))


class Arithmetic(unittest.TestCase):
    def check(self, flags):
        check = built_by(arithmetic.check, f"ccache c++ -std=c++20 {flags} -o a.o -c {{root}}/nn/a.cpp")
        return findings(check, {"nn/a.cpp": "", "build/x": ""}, "build")

    def test_flags_that_leave_fast_arithmetic_are_found(self):
        self.assertIn("nn/a.cpp:1: with -ffast-math: #define __FAST_MATH__", self.check("-ffp-contract=off"))
        self.assertIn("__FINITE_MATH_ONLY__ 1", self.check("-fno-fast-math -ffinite-math-only -ffp-contract=off"))

    def test_flags_that_leave_contraction_are_found(self):
        self.assertEqual("nn/a.cpp:1: with -ffast-math: -ffp-contract=fast", self.check("-fno-fast-math"))

    def test_flags_that_take_both_back_are_left_alone(self):
        self.assertEqual("", self.check("-fno-fast-math -ffp-contract=off"))


class ReadmeCommands(unittest.TestCase):
    MVSGD = (
        '#!/bin/sh\n[ "$1" = --help ] && cat "$0.help" && exit\n'
        '[ "$1" = presets ] && echo "sm plain" && exit\n'
        '[ "$1$2" = datafetch ] && printf "  --url URL\\nExamples:\\n  mvsgd data fetch\\n" && exit\n'
        '[ "$1" = data ] && printf "Subcommands:\\n  fetch  it\\nExamples:\\n  mvsgd data\\n" && exit\n'
        '[ "$1" = train ] && echo "  --preset TEXT  --set KEY=VALUE  --out TEXT  --width VALUE"\n'
    )
    DEV = "#!/bin/sh\necho '  demo  trains'\n"

    def check(self, line, example="mvsgd presets", more=None):
        files = {
            **(more or {}),
            "README.md": f"```sh\n{line}\n```\n",
            "dev": self.DEV,
            "mvsgd": self.MVSGD,
            "mvsgd.help": f"Examples:\n  {example}\n",
        }
        return findings(readme_commands.check, files, "mvsgd")

    def test_what_does_not_exist_is_found(self):
        for line, why in (
            ("./dev dome", "no command dome"),
            ("build/release/mvsgd tain", "no command 'tain'"),
            ("build/release/mvsgd train --ouch a", "no option --ouch"),
            ("A=1 build/release/mvsgd train \\\n  --set widht=8", "no setting widht"),
            ("build/release/mvsgd train --preset=ms", "no preset ms"),
            ("build/release/mvsgd data fetch --uri a", "no option --uri"),
            ("./dev demo && build/release/mvsgd tain", "no command 'tain'"),
            ("ls", "no ```sh block"),
        ):
            with self.subTest(line):
                self.assertIn(why, self.check(line))

    def test_every_page_is_looked_at(self):
        page = {"sim/README.md": "```sh\n./dev dome\n```\n"}
        self.assertIn("sim/README.md:2: ./dev has no command dome", self.check("./dev demo", more=page))
        self.assertIn("README.md:1: no ```sh block", self.check("ls", more=page))

    def test_an_example_of_help_that_does_not_exist_is_found(self):
        self.assertIn("no option --ouch", self.check("./dev demo", "mvsgd train --ouch a"))

    def test_a_command_without_an_example_is_found(self):
        example = "mvsgd presets\nSubcommands:\n  data \n  train "
        found = self.check("./dev demo", example)
        self.assertIn("mvsgd train --help: no example of it", found)
        self.assertNotIn("data", found)

    def test_what_exists_is_left_alone(self):
        for line in (
            "./dev demo  # minutes",
            "build/release/mvsgd train --preset sm --set width=8 --width=8 --out a",
            "build/release/mvsgd presets",
            "build/release/mvsgd data fetch --url a",
        ):
            with self.subTest(line):
                self.assertEqual(self.check(line), "")


if __name__ == "__main__":
    unittest.main()
