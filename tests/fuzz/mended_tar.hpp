// Tar files with the checksums of their headers made right. Without it, almost nothing after the
// first block would ever be reached.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <span>
#include <string>

namespace mvsgd::fuzz {

/// Writes the sum of a header's bytes, with blanks for the sum itself, in octal.
inline void mend_checksum(std::span<char> block) {
  constexpr std::size_t kSum = 148;  // place and length of a header's checksum
  constexpr std::size_t kSumBytes = 8;
  const auto sum = block.subspan(kSum, kSumBytes);
  std::fill(sum.begin(), sum.end(), ' ');
  const unsigned total = std::accumulate(
      block.begin(), block.end(), 0U,
      [](unsigned so_far, char byte) { return so_far + static_cast<unsigned char>(byte); });
  std::snprintf(sum.data(), kSumBytes, "%06o", total);
}

/// Each block as if it were a header.
inline std::string mended(std::string tar) {
  constexpr std::size_t kBlock = 512;
  for (std::size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
    mend_checksum(std::span(tar).subspan(at, kBlock));
  }
  return tar;
}

}  // namespace mvsgd::fuzz
