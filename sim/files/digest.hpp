// The digests that say whether two runs, or two files, are the same.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace mvsgd::sim {

/// SHA-256 of bytes that come in parts. Throws std::runtime_error if the library refuses.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::span<const std::byte> bytes);

  /// 64 hexadecimal digits; ends the sum.
  [[nodiscard]] std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of the floats' IEEE bits, four bytes each, least significant first, as 64 hexadecimal
/// digits.
[[nodiscard]] std::string sha256(std::span<const float> values);

}  // namespace mvsgd::sim
