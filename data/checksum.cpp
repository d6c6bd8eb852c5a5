#include "data/checksum.hpp"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace mvsgd::data {

std::string checksum(const std::filesystem::path& file, Hash hash) {
  const auto require = [](int done) {
    if (done != 1) throw std::runtime_error("libcrypto refused a checksum");
  };
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  require(EVP_DigestInit_ex(context.get(), hash == Hash::md5 ? EVP_md5() : EVP_sha256(), nullptr));

  std::ifstream in(file, std::ios::binary);
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::vector<char> chunk(kChunk);
  do {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    require(EVP_DigestUpdate(context.get(), chunk.data(), static_cast<std::size_t>(in.gcount())));
  } while (in);
  if (!in.eof()) throw FormatError(file.string() + ": cannot be read");

  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context.get(), digest.data(), &size));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 0xf];
  }
  return text;
}

}  // namespace mvsgd::data
