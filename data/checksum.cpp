#include "data/checksum.hpp"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "data/dataset.hpp"

namespace mvsgd::data {
namespace {

void require(int done) {
  if (done != 1) throw std::runtime_error("libcrypto refused a checksum");
}

struct Free {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

struct Checksum::Context {
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
};

Checksum::Checksum(Hash hash) : context_(std::make_unique<Context>()) {
  require(EVP_DigestInit_ex(context_->evp.get(), hash == Hash::md5 ? EVP_md5() : EVP_sha256(),
                            nullptr));
}

Checksum::~Checksum() = default;

void Checksum::add(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
}

std::string Checksum::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &size));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 0xf];
  }
  return text;
}

std::string checksum(const std::filesystem::path& file, Hash hash) {
  Checksum sum(hash);
  std::ifstream in(file, std::ios::binary);
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  std::vector<char> chunk(kChunk);
  do {
    in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    sum.add(std::as_bytes(std::span(chunk).first(static_cast<std::size_t>(in.gcount()))));
  } while (in);
  if (!in.eof()) throw FormatError(file.string() + ": cannot be read");
  return sum.hex();
}

}  // namespace mvsgd::data
