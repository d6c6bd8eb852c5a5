"""A file includes the standard header of each name that it uses, itself or through headers of the tree.

Standard headers include each other as each library likes, and every new one includes less: what
compiles with g++ 12 may not with g++ 14. The table has the names that this tree uses, or may soon.
"""

import re

import tree

NAMES = {
    "algorithm": """adjacent_find all_of any_of binary_search clamp copy copy_backward copy_if copy_n count
        count_if equal equal_range fill fill_n find find_if find_if_not for_each generate includes
        inplace_merge is_sorted iter_swap lexicographical_compare lower_bound make_heap max max_element
        merge min min_element minmax mismatch move_backward none_of nth_element partial_sort partition
        partition_point pop_heap push_heap remove_if replace replace_if reverse rotate search
        set_difference set_intersection set_union shuffle sort sort_heap stable_partition stable_sort
        swap_ranges transform unique upper_bound""",
    "array": "array to_array",
    "atomic": "atomic atomic_flag atomic_ref atomic_thread_fence",
    "barrier": "barrier",
    "bit": """bit_cast bit_ceil bit_floor bit_width countl_zero countr_zero endian has_single_bit popcount
        rotl rotr""",
    "cctype": "isdigit islower tolower",
    "charconv": "from_chars to_chars",
    "chrono": "chrono",
    "cmath": """abs atan cbrt ceil copysign erf exp expm1 fabs floor fma frexp hypot ilogb isfinite isinf
        isnan ldexp lgamma llround log log1p log2 lround nan nanf nearbyint nextafter pow round scalbn
        signbit sqrt tanh trunc""",
    "concepts": "same_as unsigned_integral",
    "condition_variable": "condition_variable",
    "csignal": "raise signal",
    "cstddef": "byte max_align_t ptrdiff_t to_integer",
    "cstdint": "int16_t int32_t int64_t int8_t uint16_t uint32_t uint64_t uint8_t uintmax_t uintptr_t",
    "cstdio": "fclose fflush FILE fopen fprintf fputs fread fwrite printf rename snprintf",
    "cstdlib": "_Exit abort aligned_alloc atexit exit free getenv strtod strtoul strtoull system",
    "cstring": "memcmp memcpy memmove memset strcmp strerror strlen strncpy",
    "deque": "deque",
    "exception": """current_exception exception_ptr make_exception_ptr rethrow_exception terminate
        uncaught_exceptions""",
    "filesystem": "filesystem",
    "fstream": "fstream ifstream ofstream",
    "functional": """bit_xor function greater greater_equal hash invoke less less_equal multiplies negate
        not_equal_to plus ref reference_wrapper""",
    "future": "async future future_status launch promise",
    "initializer_list": "initializer_list",
    "iostream": "cerr cin clog cout",
    "iterator": "advance back_inserter distance inserter istream_iterator istreambuf_iterator next prev",
    "limits": "numeric_limits",
    "map": "map multimap",
    "memory": """enable_shared_from_this make_shared make_unique make_unique_for_overwrite shared_ptr
        unique_ptr weak_ptr""",
    "mutex": "call_once lock_guard mutex once_flag recursive_mutex scoped_lock unique_lock",
    "new": "align_val_t bad_alloc launder nothrow",
    "numbers": "numbers",
    "numeric": "accumulate exclusive_scan gcd inclusive_scan inner_product iota midpoint partial_sum reduce",
    "optional": "nullopt optional",
    "queue": "priority_queue queue",
    "random": """exponential_distribution mt19937 mt19937_64 normal_distribution uniform_int_distribution
        uniform_real_distribution""",
    "ranges": "views",
    "regex": "regex regex_replace",
    "set": "multiset set",
    "span": "as_bytes as_writable_bytes span",
    "sstream": "istringstream ostringstream stringstream",
    "stdexcept": """domain_error invalid_argument length_error logic_error out_of_range overflow_error
        runtime_error""",
    "string": "getline stod stoi stol stoll stoul stoull string to_string",
    "string_view": "string_view",
    "system_error": "generic_category system_category system_error",
    "thread": "jthread this_thread thread",
    "tuple": "apply make_tuple tie tuple",
    "type_traits": """conditional_t decay_t enable_if_t integral_constant is_arithmetic_v is_floating_point_v
        is_integral_v is_same_v is_signed_v is_unsigned_v make_unsigned_t remove_cvref_t
        underlying_type_t""",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "utility": """as_const cmp_less exchange forward in_range index_sequence integer_sequence
        make_index_sequence make_integer_sequence move pair swap""",
    "variant": "get_if holds_alternative monostate variant visit",
    "vector": "vector",
}
HEADER = {name: header for header, names in NAMES.items() for name in names.split()}
USE = re.compile(r"\bstd::(?:ranges::)?(\w+)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


class Tree:
    """The code of each file and, computed once a header, the standard headers that it brings."""

    def __init__(self, root):
        self.root = root
        self.brought = {}

    def brings(self, path):
        if path not in self.brought:
            self.brought[path] = set()  # for headers that include each other
            if (self.root / path).is_file():
                included = INCLUDE.findall(tree.without_comments(tree.read(self.root, path)))
                self.brought[path] = {name for quote, name in included if quote == "<"}.union(
                    *(self.brings(name) for quote, name in included if quote == '"')
                )
        return self.brought[path]


def check(root):
    findings = []
    of_tree = Tree(root)
    for path in tree.files(root, tree.CPP):
        missing = set(HEADER.values()) - of_tree.brings(path.as_posix())
        told = set()
        for number, line in tree.lines(tree.code(tree.read(root, path))):
            for name in USE.findall(line):
                header = HEADER.get(name)
                if header in missing and header not in told:
                    told.add(header)
                    findings.append(f"{path}:{number}: std::{name} is in <{header}>")
    return findings


if __name__ == "__main__":
    tree.main(check)
