#include "sim/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "comm/bit_stream.hpp"

namespace mvsgd::sim {

std::string sha256(std::span<const float> values) {
  comm::BitWriter stream;
  stream.put_floats(values);
  const auto bytes = stream.take();
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("libcrypto refused SHA-256");
  }
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace mvsgd::sim
