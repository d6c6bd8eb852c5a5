#include "sim/run/wire_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "sim/files/input_error.hpp"
#include "sim/plan/settings.hpp"

namespace mvsgd::sim {

WireDump::WireDump(std::filesystem::path directory, std::vector<std::uint32_t> rounds)
    : directory_(std::move(directory)), rounds_(std::move(rounds)) {
  std::error_code error;
  if (std::filesystem::is_directory(directory_, error) &&
      !std::filesystem::is_empty(directory_, error)) {
    throw InputError(fmt::format("{}: exists and is not an empty directory", directory_.string()));
  }
  made_.emplace(directory_);
}

void WireDump::add(std::uint32_t to, const comm::Message& message) const {
  const comm::Header& header = message.header;
  if (std::ranges::find(rounds_, header.round) == rounds_.end()) return;
  const bool across = comm::goes_across(header.kind);
  const bool up = header.sender < to;  // the server's rank is above every worker's
  const auto path =
      directory_ / fmt::format("round-{}-{}-{}-worker-{}{}.bin", header.round,
                               comm::name(across ? comm::Direction::across
                                          : up   ? comm::Direction::up
                                                 : comm::Direction::down),
                               comm::name(header.kind),
                               across ? header.sender : std::min(to, header.sender),
                               across ? fmt::format("-block-{}", header.block_size) : "");
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(message.bytes->data()),
             static_cast<std::streamsize>(message.bytes->size()));
  file.close();  // a full disk shows itself here
  if (file) return;
  const std::string why = std::generic_category().message(errno);
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  throw InputError(fmt::format("{}: cannot be written: {}", path.string(), why));
}

}  // namespace mvsgd::sim
