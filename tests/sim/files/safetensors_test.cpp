// Safetensors files: what is written is read back, and anything else is refused.
#include "sim/files/safetensors.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Safetensors : public testing::Test {
 protected:
  void write(std::vector<NamedTensor> tensors, const Metadata& metadata = {}) const {
    DurableFile file(path_);
    write_safetensors(file, metadata, std::move(tensors));
    (void)file.finish();
  }
  [[nodiscard]] std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_bytes(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  /// The error on opening the file; "accepted" if there is none.
  [[nodiscard]] std::string refusal() const {
    try {
      const SafetensorsFile file(path_);
      return "accepted";
    } catch (const InputError& e) {
      return e.what();
    }
  }

  TestDirectory directory_;
  fs::path path_ = directory_.path() / "file.safetensors";
  const std::vector<float> floats_{1.5F, -0.0F, 3e-42F, 7.0F, 8.0F, 9.0F};
  const std::vector<std::uint32_t> indices_{0, 4294967295U, 7};
  const std::vector<std::int64_t> count_{-5};
};

TEST_F(Safetensors, GivesBackWhatWasWritten) {
  write({named_tensor("a", {2, 3}, floats_), named_tensor("b", {3}, indices_),
         named_tensor("c", {}, count_), named_tensor("none", {0}, std::span<const float>()),
         named_tensor("z", {3}, indices_)},
        {{"format", "pt"}});
  SafetensorsFile file(path_);
  EXPECT_THAT(bytes(), HasSubstr(R"("__metadata__":{"format":"pt"})"));
  const std::vector<float> floats = file.floats("a", {2, 3});
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(floats.data()), 24),
            std::string(reinterpret_cast<const char*>(floats_.data()), 24));
  EXPECT_EQ(file.indices("b", {3}), indices_);
  EXPECT_TRUE(file.floats("none", {0}).empty());
  EXPECT_EQ(file.header().at("c", "").bytes, 8U);
  EXPECT_THROW((void)file.header().at("d", ""), InputError);
}

TEST_F(Safetensors, IsTheDocumentedBytesWithTheLargerElementsFirst) {
  write({named_tensor("w", {1}, std::span<const float>(floats_).first(1)),
         named_tensor("n", {}, count_)});
  const std::string header = R"({"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                             R"("w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(bytes(), std::string(1, static_cast<char>(padded.size())) + std::string(7, '\0') +
                         padded + "\xfb\xff\xff\xff\xff\xff\xff\xff" +
                         std::string("\0\0\xc0\x3f", 4));
}

TEST_F(Safetensors, AnotherTypeOrShapeIsRefusedNamingBoth) {
  write({named_tensor("a", {2, 3}, floats_)});
  SafetensorsFile file(path_);
  try {
    (void)file.floats("a", {6});
    FAIL() << "nothing was thrown";
  } catch (const InputError& e) {
    EXPECT_THAT(e.what(), HasSubstr("a is F32 of shape [2, 3], not F32 of shape [6]"));
    EXPECT_THAT(e.what(), HasSubstr(path_.string()));
  }
  EXPECT_THROW((void)file.indices("a", {2, 3}), InputError);
  EXPECT_THROW((void)file.floats("b", {}), InputError);
}

TEST_F(Safetensors, EveryTruncationIsRefused) {
  write({named_tensor("a", {2, 3}, floats_), named_tensor("b", {3}, indices_)});
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(whole.substr(0, size));
    EXPECT_THAT(refusal(), HasSubstr(path_.string() + ": ")) << size;
  }
}

TEST_F(Safetensors, SaysWhatIsWrong) {
  const auto with_header = [&](const std::string& header, std::size_t data = 8) {
    write_bytes(std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header +
                std::string(data, 'x'));
    return refusal();
  };
  const std::string entry = R"("dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(with_header(R"({"m":{)" + entry + "}"), "accepted");
  EXPECT_THAT(with_header(R"({"m":{)" + entry + R"(,"m":{)" + entry + "}"),
              HasSubstr("header: 'm' comes twice"));
  EXPECT_THAT(with_header(R"({"m":{)" + entry + R"(,"n":{)" + entry + "}"),
              HasSubstr("n: begins at 0, where 8 is wanted"));
  EXPECT_THAT(with_header(R"({"m":{)" + entry + "}", 7), HasSubstr("m: ends at 8 of 7 bytes"));
  EXPECT_THAT(with_header(R"({"m":{)" + entry + "}", 9),
              HasSubstr("header: arrays of 8 bytes in 9"));
  EXPECT_THAT(with_header(R"({"m":{"dtype":"F65","shape":[1],"data_offsets":[0,8]}})"),
              HasSubstr("m: dtype F65 is none of the format's"));
  EXPECT_THAT(with_header(R"({"m":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1),
              HasSubstr("m: data_offsets [0, 1] do not hold F4 of shape [3]"));
  EXPECT_THAT(with_header(R"({"m":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"),
              HasSubstr("m: data_offsets [0, 8] do not hold F32 of shape [3]"));
  EXPECT_THAT(with_header(R"({"m":})"), HasSubstr("header: no JSON at offset 13"));
  EXPECT_THAT(with_header(R"({"__metadata__":{"a":1}})", 0),
              HasSubstr("__metadata__: a is no text"));
  EXPECT_THAT(with_header(std::string("{}\0 more", 8), 0),
              HasSubstr("header: a NUL byte at offset 10"));
  EXPECT_THAT(with_header(std::string("{}\0", 3), 0), HasSubstr("header: a NUL byte"));
  write_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}");
  EXPECT_THAT(refusal(), HasSubstr("offset 0: no safetensors header in 10 bytes"));
  // The format's own limit is 100 MB.
  write_bytes(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8));
  fs::resize_file(path_, 100'000'009);
  EXPECT_THAT(refusal(), HasSubstr("offset 0: no safetensors header in 100000009 bytes"));
  write_bytes(std::string("\x00\xe1\xf5\x05\0\0\0\0", 8));
  fs::resize_file(path_, 100'000'008);
  EXPECT_THAT(refusal(), HasSubstr("header: no JSON object"));
  fs::remove(path_);
  EXPECT_THAT(refusal(), HasSubstr("cannot be read"));
}

// Each is read as safetensors 0.8.0 of PyPI reads it.
TEST_F(Safetensors, ReadsWhatTheFormatsReferenceReads) {
  const auto with_header = [&](const std::string& header, std::size_t data) {
    const std::string length{static_cast<char>(header.size() % 256),
                             static_cast<char>(header.size() / 256)};
    write_bytes(length + std::string(6, '\0') + header + std::string(data, 'x'));
    return refusal();
  };
  EXPECT_EQ(with_header(R"({"__metadata__":null})", 0), "accepted");
  EXPECT_EQ(with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                        R"("b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                        2),
            "accepted");
  const auto nested = [&](std::size_t depth) {
    return with_header(R"({"m":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"more":)" +
                           std::string(depth, '[') + std::string(depth, ']') + "}}",
                       2);
  };
  EXPECT_EQ(nested(125), "accepted");
  EXPECT_THAT(nested(126), HasSubstr("nested too deeply"));
  EXPECT_EQ(
      with_header(R"({"m":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"more":{"a":[[1]]}}})", 2),
      "accepted");
  for (const char* const dtype :
       {"BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}) {
    EXPECT_EQ(
        with_header(
            fmt::format(R"({{"m":{{"dtype":"{}","shape":[2],"data_offsets":[0,2]}}}})", dtype), 2),
        "accepted")
        << dtype;
  }
  EXPECT_EQ(with_header("{}   ", 0), "accepted") << "padding";
}

TEST_F(Safetensors, NumbersOfOtherTypesAreMadeF32) {
  const auto read = [&](const char* dtype, const std::string& data, std::size_t count) {
    const std::string header =
        fmt::format(R"({{"m":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})", dtype, count,
                    data.size());
    write_bytes(std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header +
                data);
    return SafetensorsFile(path_).floats("m", {count});
  };
  const auto bytes_of = [](auto... values) {
    std::string bytes;
    (bytes.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
    return bytes;
  };
  using U16 = std::uint16_t;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 1, -2, the largest number, the smallest above zero, -0, infinity.
  const std::string halves =
      bytes_of(U16{0x3c00}, U16{0xc000}, U16{0x7bff}, U16{0x0001}, U16{0x8000}, U16{0x7c00});
  const std::vector<float> of_halves = read("F16", halves, 6);
  EXPECT_THAT(of_halves, testing::ElementsAre(1.0F, -2.0F, 65504.0F, 0x1p-24F, 0.0F, kInfinity));
  EXPECT_TRUE(std::signbit(of_halves[4]));
  const std::string brains =
      bytes_of(U16{0x3f80}, U16{0xc000}, U16{0x7f7f}, U16{0x0001}, U16{0x8000}, U16{0xff80});
  const std::vector<float> of_brains = read("BF16", brains, 6);
  EXPECT_THAT(of_brains,
              testing::ElementsAre(1.0F, -2.0F, 0x1.fep127F, 0x1p-133F, 0.0F, -kInfinity));
  EXPECT_TRUE(std::isnan(read("F16", bytes_of(U16{0x7e00}), 1)[0]));
  EXPECT_TRUE(std::isnan(read("BF16", bytes_of(U16{0x7fc0}), 1)[0]));
  // Rounded to nearest, ties to even.
  EXPECT_THAT(read("F64", bytes_of(0.1, 1 + 0x1p-24, -double{kInfinity}, 0x1.fffffefp127), 4),
              testing::ElementsAre(0.1F, 1.0F, -kInfinity, 0x1.fffffep127F));
  EXPECT_THAT([&] { (void)read("F64", bytes_of(0.1, -1e300), 2); },
              testing::ThrowsMessage<InputError>(
                  testing::HasSubstr("m: element 1 is -1e+300, past the largest number of F32")));
  EXPECT_THROW((void)read("I32", bytes_of(1), 1), InputError);
}

TEST_F(Safetensors, WritesNoNameTwiceAndNoShapeThatIsNotTheValues) {
  EXPECT_THROW(write({named_tensor("a", {6}, floats_), named_tensor("a", {6}, floats_)}),
               std::invalid_argument);
  EXPECT_THROW(write({named_tensor("a", {5}, floats_)}), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::sim
