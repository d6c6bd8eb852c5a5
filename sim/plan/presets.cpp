#include "sim/plan/presets.hpp"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "sim/plan/scheme.hpp"
#include "sim/text/nearest.hpp"

namespace mvsgd::sim {
namespace {

/// A row of Table 1: a scheme with its H. "-q" in a name means that workers send 4-bit values.
Preset row(std::string name, const std::string& what, std::string_view scheme,
           std::uint32_t local_steps, std::uint32_t value_bits = 32) {
  Settings settings;
  settings.scheme = &scheme_named(scheme);
  settings.local_steps = local_steps;
  settings.value_bits = value_bits;
  std::string summary = what + ", H = " + std::to_string(local_steps);
  if (value_bits < 32) summary += ", " + std::to_string(value_bits) + "-bit values";
  return {.name = std::move(name), .summary = std::move(summary), .settings = settings};
}

constexpr std::uint32_t kQuantized = 4;
constexpr double kMomentum = 0.9;

std::vector<Preset> rows_of_table1() {
  std::vector<Preset> all;

  Settings sm;
  sm.scheme = &scheme_named("sm");
  sm.workers = 1;
  sm.learning_rate = 0.1;
  all.push_back({.name = "sm", .summary = "one machine, plain SGD: the benchmark", .settings = sm});

  Settings dense;
  dense.scheme = &scheme_named("dense");
  all.push_back({.name = "dense",
                 .summary = "10 workers, every model difference whole (eq 4)",
                 .settings = dense});

  all.push_back(row("top-k", "each worker's own top-K, error memory (eq 6)", "top-k", 1));
  const std::string mv = "majority voting (Algorithm 1)";
  all.push_back(row("ssgd-mv", mv, "mv", 1));
  all.push_back(row("ssgd-mv-l2", mv, "mv", 2));
  all.push_back(row("ssgd-mv-l4", mv, "mv", 4));
  all.push_back(row("ssgd-mv-l8", mv, "mv", 8));
  all.push_back(row("ssgd-mv-l8-q", mv, "mv", 8, kQuantized));
  const std::string rs = "voting with random selection (line 15)";
  all.push_back(row("ssgd-mv-rs-l4", rs, "mv-rs", 4));
  all.push_back(row("ssgd-mv-rs-l8", rs, "mv-rs", 8));
  const std::string ad = "add-drop voting (Algorithm 2)";
  all.push_back(row("ssgd-mv-ad", ad, "mv-ad", 1));
  all.push_back(row("ssgd-mv-ad-l2", ad, "mv-ad", 2));
  all.push_back(row("ssgd-mv-ad-l4", ad, "mv-ad", 4));
  all.push_back(row("ssgd-mv-ad-l4-q", ad, "mv-ad", 4, kQuantized));
  all.push_back(row("ssgd-mv-ad-l8", ad, "mv-ad", 8));
  all.push_back(row("ssgd-mv-ad-l8-q", ad, "mv-ad", 8, kQuantized));

  all.push_back(row("rand-k-l4", "the same K drawn coordinates for all, no votes", "rand-k", 4));

  return all;
}

/// The same run in fewer bits: the worker's messages and the mask use codes near the entropy, and
/// no list is sent whole that the server can receive as a change.
Preset in_fewer_bits(Preset row) {
  Settings& settings = row.settings;
  settings.value_codec = ValueCoding::entropy;
  settings.position_codec = "rans";
  if (votes_whole(*settings.scheme)) settings.vote_codec = VoteCoding::delta;
  if (drops(*settings.scheme)) {
    settings.add_codec = AddCoding::rank;
    settings.drop_codec = DropCoding::rank;
  }
  row.summary = row.name + " to the bit, its messages by their entropy";
  row.name += "-min";
  return row;
}

/// A row of Table 1 with what Deep Gradient Compression (Lin et al. 2018) has beside its support:
/// momentum, its correction, and a warm-up of stairs of sparsity. A step of momentum 0.9 adds up to
/// ten times itself, so eta is a tenth.
Preset modern(Preset row) {
  Settings& settings = row.settings;
  settings.momentum = kMomentum;
  settings.momentum_correction = true;
  settings.phi_warmup = PhiWarmup::stairs;
  settings.learning_rate /= 10;
  row.summary = row.name + " with momentum, its correction, stairs of sparsity";
  row.name = "modern-" + row.name.substr(row.name.starts_with("ssgd-") ? 5 : 0);
  return row;
}

/// A row of Table 1 whose workers forget what they have not sent, as if the paper had no error
/// accumulation.
Preset without_memory(Preset row) {
  row.settings.error_memory = false;
  row.summary = row.name + " without error memory";
  row.name += "-no-memory";
  return row;
}

/// modern() in fewer bits, with 4-bit values both ways.
Preset modern_both_ways(const Preset& row) {
  Preset both = modern(in_fewer_bits(row));
  both.settings.aggregate_bits = kQuantized;
  both.name = "modern-" + row.name.substr(std::string_view("ssgd-").size()) + "-both";
  both.summary = row.name + " with all of that, 4-bit values both ways, by their entropy";
  return both;
}

/// A row of Table 1 as the demo trains it, within a minute on two cores. The schemes need many
/// rounds (sim/reproduce/README.md), and a minute has room for few of the paper's. So the network
/// is narrow, a step has few images, and the shares are larger, so that each coordinate has its
/// turn often enough. The single machine keeps the paper's 64 images a step, as many as four
/// workers take.
Preset demo(std::string name, Preset row) {
  Settings& settings = row.settings;
  settings.width = 4;
  settings.epochs = 20;
  settings.eval_every = 2;
  settings.synthetic_noise = 5;
  if (settings.scheme->sends()) {
    settings.workers = 4;
    settings.batch = 16;
    settings.phi = Decimal(5, 2);
    settings.phi_ad = Decimal(2, 2);
    settings.warmup_epochs = 2;  // a tenth of the run, which settles where it goes
    settings.learning_rate = 0.2;
    // Without this, add-drop voting ends with steps that are as large as before the decays.
    settings.overrides.error_rescale_on_decay = true;
  }
  row.summary = "the demo's " + row.name + ": small, on noisy embedded images";
  row.name = std::move(name);
  return row;
}

std::vector<Preset> make_presets() {
  std::vector<Preset> all = rows_of_table1();
  const auto row_named = [&](std::string_view name) {
    return *std::ranges::find(all, name, &Preset::name);
  };
  for (const std::string_view name : {"ssgd-mv-l8-q", "ssgd-mv-ad-l8-q"}) {
    all.push_back(in_fewer_bits(row_named(name)));
  }
  for (const std::string_view name : {"ssgd-mv-l4", "ssgd-mv-ad-l4"}) {
    all.push_back(without_memory(row_named(name)));
  }
  Preset single = row_named("sm");
  single.settings.momentum = kMomentum;
  single.settings.learning_rate /= 10;
  single.name = "modern-sm";
  single.summary = "sm with momentum: the benchmark of the next ones";
  all.push_back(std::move(single));
  for (const std::string_view name : {"top-k", "ssgd-mv-l4", "ssgd-mv-ad-l4-q"}) {
    all.push_back(modern(row_named(name)));
  }
  for (const std::string_view name : {"ssgd-mv-ad-l4-q", "ssgd-mv-ad-l8-q"}) {
    all.push_back(modern_both_ways(row_named(name)));
  }
  // Batch norm and the linear layer's bias are below 1024 at any width of the paper's order, the
  // convolutions but the first of narrow networks above.
  Preset by_layer = modern(row_named("ssgd-mv-ad-l4-q"));
  by_layer.settings.selection = Selection::layer;
  by_layer.settings.dense_below = 1024;
  by_layer.name += "-layer";
  by_layer.summary += ", by layer";
  all.push_back(std::move(by_layer));
  for (const auto& [name, row] :
       {std::pair{"demo-sm", "sm"}, {"demo", "ssgd-mv-l4"}, {"demo-ad", "ssgd-mv-ad-l4-q"}}) {
    all.push_back(demo(name, row_named(row)));
  }
  for (Preset& preset : all) preset.settings.preset = preset.name;
  return all;
}

}  // namespace

std::span<const Preset> presets() {
  static const std::vector<Preset> all = make_presets();
  return all;
}

const Preset& preset(std::string_view name) {
  // The paper spells the names as SSGD-MV-L4.
  std::string spelled(name);
  std::ranges::transform(spelled, spelled.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  std::vector<std::string> names;
  for (const Preset& p : presets()) {
    if (p.name == spelled) return p;
    names.push_back(p.name);
  }
  throw UsageError("unknown preset '" + std::string(name) + "'" + did_you_mean(name, names) +
                   " ('mvsgd presets' lists them)");
}

}  // namespace mvsgd::sim
