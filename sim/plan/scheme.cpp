#include "sim/plan/scheme.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace mvsgd::sim {

const Scheme* default_scheme() { return &scheme_named("mv"); }

const Scheme& scheme_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Scheme* const scheme : schemes()) {
    if (scheme->name() == name) return *scheme;
    names.push_back(scheme->name());
  }
  throw UsageError(fmt::format("one of {} is wanted", fmt::join(names, ", ")));
}

namespace {

/// A scheme's first round may have messages that later rounds lack, so two rounds show them all.
constexpr std::uint32_t kRounds = 2;

std::vector<MessageShape> messages_of(const Scheme& scheme, comm::Kind kind) {
  // Any settings will do: which messages there are depends on the scheme alone.
  const Settings settings;
  std::vector<MessageShape> found;
  for (const Round& round : plain_rounds(0, kRounds)) {
    for (const MessageShape& message : scheme.shape(settings, dimensions(settings, 1, 0), round)) {
      if (message.kind == kind) found.push_back(message);
    }
  }
  return found;
}

}  // namespace

bool votes_whole(const Scheme& scheme) {
  return messages_of(scheme, comm::Kind::vote).size() == kRounds;
}

bool drops(const Scheme& scheme) { return !messages_of(scheme, comm::Kind::drop).empty(); }

bool has_masks_of_k(const Scheme& scheme) {
  const auto masks = messages_of(scheme, comm::Kind::mask);
  return !masks.empty() && masks.front().counted_by == CountedBy::settings;
}

bool sums_at_one_mask(const Scheme& scheme) {
  return scheme.sends() && (scheme.sparse() == nullptr || has_masks_of_k(scheme));
}

std::string names_of_schemes(bool (*such)(const Scheme&)) {
  std::vector<std::string_view> names;
  for (const Scheme* const scheme : schemes()) {
    if (such(*scheme)) names.push_back(scheme->name());
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace mvsgd::sim
