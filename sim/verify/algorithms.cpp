// Eqs 4-9 and 16 and the invariants: real workers and a real server, which exchange messages,
// against the definition in whole vectors, bit for bit.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/plan/scheme.hpp"
#include "sim/round/protocol.hpp"
#include "sim/verify/compared_run.hpp"
#include "sim/verify/parts.hpp"
#include "sim/verify/short_run.hpp"

namespace mvsgd::sim {
namespace {

using Run = ComparedRun;

/// A preset's settings, with `change` made to them.
template <typename Change>
Run compare(std::string_view preset, Change change) {
  Settings settings = short_settings(preset);
  settings.value_bits = 32;
  change(settings);
  settings.check_votes = drops(*settings.scheme);
  return compare_run(settings);
}

Run compare(std::string_view preset) {
  return compare(preset, [](Settings&) {});
}

void use_signs(Settings& s) {
  s.value_bits = 1;
  s.quantizer = "scaled-sign";
  s.quantizer_block = 64;
}

/// Whether all of `what` hold in all of `runs`.
bool all_hold(const std::vector<const Run*>& runs, std::initializer_list<bool Run::*> what) {
  return std::ranges::all_of(runs, [&](const Run* run) {
    return std::ranges::all_of(what, [&](bool Run::*one) { return run->*one; });
  });
}

/// What holds in any run, whatever its settings.
constexpr std::initializer_list<bool Run::*> kWholeRun = {
    &Run::dense,     &Run::votes,  &Run::vote_size, &Run::counts, &Run::mask,      &Run::updates,
    &Run::aggregate, &Run::memory, &Run::velocity,  &Run::theta,  &Run::identical, &Run::counted};

std::vector<const Run*> pointers(const std::vector<Run>& runs) {
  std::vector<const Run*> all;
  all.reserve(runs.size());
  for (const Run& run : runs) all.push_back(&run);
  return all;
}

/// One run of each scheme that sends against earlier rounds, and of those that do not.
template <typename Change>
std::vector<Run> compare_schemes(Change change) {
  std::vector<Run> runs;
  for (const auto& [name, bits] : {std::pair{"ssgd-mv-ad-l8-q-min", 4U},
                                   {"ssgd-mv-l8-q-min", 4U},
                                   {"ssgd-mv-rs-l4", 32U},
                                   {"top-k", 32U},
                                   {"rand-k-l4", 32U}}) {
    runs.push_back(compare(name, [&change, value_bits = bits](Settings& s) {
      s.value_bits = value_bits;
      change(s);
    }));
  }
  return runs;
}

/// What an absent worker keeps, and what is sent against rounds from which it was absent.
Check check_participation(const std::string& what) {
  const std::vector<Run> runs = compare_schemes([](Settings& s) {
    s.participation = kShortParticipants;
    s.momentum = 0.875;
    s.momentum_correction = true;
  });
  constexpr std::size_t kAway =
      (kShortDense + kShortSparse - 1) * (kShortWorkers - kShortParticipants);
  const bool away = std::ranges::all_of(runs, [](const Run& run) { return run.away == kAway; });
  return {"participation",
          "m of N workers send; the mean is over m; who is absent has theta, and keeps e and its "
          "vote",
          away && all_hold(pointers(runs), kWholeRun) &&
              all_hold(pointers(runs), {&Run::absent, &Run::returns}),
          fmt::format("m = {} of N = {}, AD, MV with changed votes, RS, top-K and rand-k; {}",
                      kShortParticipants, kShortWorkers, what)};
}

/// Whole votes, changes, ranks and unions, each by layer.
Check check_selection() {
  const auto by_layer = [](Settings& s) {
    s.selection = Selection::layer;
    s.dense_below = kShortDenseBelow;
  };
  const Run mv = compare("ssgd-mv", by_layer);
  const std::vector<Run> others = compare_schemes(by_layer);
  std::vector<const Run*> runs = pointers(others);
  runs.push_back(&mv);
  const Run& ad = others.front();
  const Run& random = others.back();
  return {"selection",
          "by layer: ceil(phi d_l) of each tensor, all of small ones; a list is its layers' lists",
          all_hold(runs, kWholeRun) && all_hold(runs, {&Run::lawful}) &&
              all_hold({&mv, &ad, &random}, {&Run::mask_size}) &&
              mv.first_vote == kShortVoteByLayer,
          fmt::format("MV: a vote of {} bits by hand; AD and MV with changed votes, RS, top-K and "
                      "rand-k; 9 layers, {}",
                      kShortVoteByLayer.count(), mv.what)};
}

/// Of ten rounds of warm-up, two have a share of 1/4 and two of 1/16; 4^-3 is below phi.
Check check_stairs() {
  const auto stairs = [](Settings& s) {
    s.value_bits = 4;
    s.phi_warmup = PhiWarmup::stairs;
    s.warmup_epochs = 5 * kShortDense;
    s.epochs += 4 * kShortDense;
  };
  const Run ad = compare("ssgd-mv-ad-l4-q", stairs);
  const Run top_k = compare("ssgd-mv-ad-l4-q", [&](Settings& s) {
    stairs(s);
    s.scheme = &scheme_named("top-k");
  });
  return {
      "phi_warmup",
      "DGC's stairs: a round keeps ceil(d / 4^j), down to K; each stair begins with new votes",
      all_hold({&ad, &top_k}, {&Run::votes, &Run::vote_size, &Run::mask, &Run::updates, &Run::theta,
                               &Run::memory}) &&
          all_hold({&ad}, {&Run::mask_size, &Run::identical, &Run::counted}) &&
          ad.stairs == "1 1 2 2" && top_k.stairs == "1 1 2 2",
      fmt::format("AD with 4-bit values and top-K, d = {}, K = {}, {} and {} before it", kShortD,
                  kShortK, stair_law(kShortD, kShortK, 1), stair_law(kShortD, kShortK, 2))};
}

}  // namespace

std::vector<Check> check_algorithms() {
  const auto four_bits = [](Settings& s) { s.value_bits = 4; };
  const Run top_k = compare("top-k");
  const Run mv = compare("ssgd-mv");
  const Run rs = compare("ssgd-mv-rs-l4");
  const Run ad = compare("ssgd-mv-ad");
  const Run random = compare("rand-k-l4");
  const Run index = compare("ssgd-mv", [](Settings& s) { s.tie_break = TieBreaking::index; });
  const Run fractional = compare("ssgd-mv-ad-l4-q", four_bits);
  const Run sign = compare("ssgd-mv", use_signs);
  const Run unfed = compare("ssgd-mv-l8-q", [](Settings& s) {
    s.value_bits = 4;
    s.quantization_error = false;
  });
  const Run least = compare("ssgd-mv-l8-q-min", four_bits);
  const Run least_ad = compare("ssgd-mv-ad-l8-q-min", four_bits);

  const Run heavy = compare("ssgd-mv-ad-l4-q", [](Settings& s) {
    s.value_bits = 4;
    s.momentum = 0.875;
  });
  const Run corrected = compare("ssgd-mv-ad-l4-q", [](Settings& s) {
    s.value_bits = 4;
    s.momentum = 0.875;
    s.momentum_correction = true;
  });
  const Run ahead = compare("top-k", [](Settings& s) {
    s.momentum = 0.875;
    s.nesterov = true;
    s.momentum_correction = true;
  });

  const Run both = compare("ssgd-mv-l8-q-min", [](Settings& s) {
    s.value_bits = 4;
    s.aggregate_bits = 4;
  });
  const Run both_own = compare("top-k", [](Settings& s) { s.aggregate_bits = 2; });
  const Run both_signs = compare("ssgd-mv-ad", [](Settings& s) {
    use_signs(s);
    s.aggregate_bits = 1;
  });
  const Run both_unfed = compare("ssgd-mv-ad", [](Settings& s) {
    use_signs(s);
    s.aggregate_bits = 1;
    s.quantization_error = false;
  });
  const Run half = compare("ssgd-mv-rs-l4", [](Settings& s) {
    s.value_bits = 16;
    s.quantizer = "float16";
    s.aggregate_bits = 16;
  });
  const Run brain = compare("top-k", [](Settings& s) {
    s.value_bits = 16;
    s.quantizer = "bfloat16";
  });

  const std::vector<const Run*> all = {&top_k,    &mv,         &rs,         &ad,    &random,
                                       &index,    &fractional, &sign,       &unfed, &least,
                                       &least_ad, &heavy,      &corrected,  &ahead, &both,
                                       &both_own, &both_signs, &both_unfed, &half,  &brain};
  const std::string& what = mv.what;
  const std::string runs = fmt::format("{} runs of: {}", all.size(), what);
  std::size_t messages = 0;
  for (const Run* run : all) messages += run->messages;
  const std::string wire = fmt::format("{} messages of {} runs", messages, all.size());
  const bool reaches_k =
      std::ranges::all_of(all, [](const Run* run) { return run->non_zeros == kShortK; });
  constexpr std::size_t kAllSent = std::size_t{kShortWorkers} * kShortK;

  return {
      {"eq 4", "a dense round's aggregate is the mean of the model differences",
       all_hold(all, {&Run::dense, &Run::scheduled}), runs},
      {"eq 5", "an update has at most K = ceil(phi d) non-zeros (0-norm, erratum)",
       all_hold(all, {&Run::sparse}) && reaches_k,
       fmt::format("no message has more than {} values, and some have no zero; {}", kShortK, runs)},
      {"eq 6", "top-K sends D (x) S_top(D, K), ties to the lower index",
       all_hold({&top_k}, {&Run::votes, &Run::updates}), top_k.what},
      {"eq 7", "top-K descends by the mean of the sparse differences, on the supports' union",
       all_hold({&top_k}, {&Run::mask, &Run::aggregate, &Run::theta}), top_k.what},
      {"eq 8", "the mean of masked vectors is the masked mean, bit for bit in worker order",
       all_hold({&mv, &rs, &ad}, {&Run::linear, &Run::aggregate}),
       fmt::format("MV, RS and AD, each {}", what)},
      {"eq 9", "the mask is S_top of the votes' sum; of a tie each round draws anew, or the index",
       all_hold({&mv}, {&Run::counts, &Run::votes}) && all_hold({&mv, &ad, &index}, {&Run::mask}) &&
           mv.drawn_masks > 1 && index.drawn_masks > 0,
       fmt::format("{}; {} of them with more in a tie than have room", what, mv.drawn_masks)},
      {"eq 16", "AD's running sum is the sum recomputed from all votes, in every round",
       all_hold({&ad, &fractional}, {&Run::counts}) && ad.votes, ad.what},
      {"|M_t| = K", "every mask of MV, RS, AD and rand-k has K coordinates",
       all_hold({&mv, &rs, &ad, &random, &fractional, &sign, &unfed, &index}, {&Run::mask_size}),
       runs},
      {"|M_n| = K", "every vote has K coordinates, AD's after adds and drops too",
       all_hold(all, {&Run::vote_size}), runs},
      {"e = D - sent", "the memory keeps, bit for bit, what was not sent",
       all_hold(all, {&Run::memory, &Run::updates}), runs},
      {"decay", "at a decay of eta MV's and RS's memory falls to a tenth, AD's and top-K's stays",
       all_hold(all, {&Run::scheduled}) && all_hold({&mv, &rs, &ad, &top_k}, {&Run::memory}) &&
           all_hold({&mv, &rs}, {&Run::rescales}) && !ad.rescales && !top_k.rescales,
       fmt::format("two decays in: {}", what)},
      {"Algorithm 1", "MV: theta and every e_n, bit for bit with whole vectors",
       all_hold({&mv, &index}, {&Run::theta, &Run::memory}), what},
      {"line 15", "RS: the mask is the successive draws' by definition; theta likewise",
       all_hold({&rs}, {&Run::counts, &Run::mask, &Run::theta, &Run::memory}), rs.what},
      {"Algorithm 2", "AD: votes, theta and every e_n, bit for bit with whole vectors",
       all_hold({&ad}, {&Run::votes, &Run::theta, &Run::memory}), ad.what},
      {"rand-k", "the mask is the server's draw; theta and every e_n with whole vectors",
       all_hold({&random}, {&Run::mask, &Run::theta, &Run::memory, &Run::updates}), random.what},
      {"quantised", "the server recovers Q(M (x) D), and theta follows: eqs 17 and 18",
       all_hold({&fractional, &sign, &unfed}, {&Run::updates, &Run::theta}),
       fmt::format("q = 4 with and without its error fed back, q = 1 in blocks of 64; {}", what)},
      {"by entropy", "votes as changes and values by their entropy: the same model, bit for bit",
       all_hold({&least, &least_ad},
                {&Run::votes, &Run::mask, &Run::updates, &Run::theta, &Run::memory}),
       fmt::format("MV and AD with 4-bit values, each {}", what)},
      {"two ways",
       "the server sends Q of the mean and of its memory, which keeps the rest; theta follows",
       all_hold({&both, &both_own, &both_signs, &both_unfed}, {&Run::aggregate, &Run::theta}) &&
           all_hold({&both, &both_own, &both_signs}, {&Run::server_memory}) && both.memory,
       fmt::format("MV by entropy at q = 4, top-K at 2, AD at 1 with and without memory; {}",
                   what)},
      {"16 bits", "float16 and bfloat16 values: the server recovers Q(M (x) D), and theta follows",
       all_hold({&half, &brain}, {&Run::updates, &Run::theta, &Run::memory}) &&
           all_hold({&half}, {&Run::aggregate, &Run::server_memory}),
       fmt::format("RS with float16 both ways, top-K with bfloat16; {}", what)},
      {"correction",
       "DGC: velocity enters D before the support is chosen, and is 0 where values were sent",
       all_hold({&heavy, &corrected, &ahead}, {&Run::velocity, &Run::memory, &Run::theta}) &&
           heavy.cleared == 0 && corrected.cleared == kAllSent && ahead.cleared == kAllSent,
       fmt::format("AD with and without correction, top-K with Nesterov's momentum; {}", what)},
      check_stairs(),
      check_selection(),
      check_participation(what),
      {"encode, decode", "each message, decoded and encoded again, has the same bytes",
       all_hold(all, {&Run::identical}), wire},
      {"sent = received", "by field, and 8 times the bytes moved", all_hold(all, {&Run::counted}),
       wire},
  };
}

}  // namespace mvsgd::sim
