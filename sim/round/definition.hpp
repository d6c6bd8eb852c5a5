// Algorithms 1 and 2 and the baselines once more, in whole vectors and obvious loops. `mvsgd
// verify` and the tests compare the real workers and server with this definition, bit for bit. A
// scheme's own part of it is in the scheme's file (round/schemes).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "compress/select/index.hpp"
#include "compress/vote/add_drop.hpp"
#include "sim/plan/layers.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/settings.hpp"
#include "sim/round/local_update.hpp"
#include "sim/round/protocol.hpp"

namespace mvsgd::sim {

/// The results of one round of the definition. A dense round has only the first and the last two.
/// Of absent workers all lists and vectors are empty, but for AD's votes.
struct DefinedRound {
  std::vector<std::uint32_t> participants;          ///< the workers that take part, increasing
  std::vector<std::vector<compress::Index>> votes;  ///< supp M_{n,t}; AD's own votes, M~_{n,t}
  std::vector<std::uint32_t> counts;                ///< the sum of the votes over n, [d]
  std::vector<compress::Index> mask;  ///< supp M_t; for top-K the union of the workers' supports
  std::vector<std::vector<compress::Index>> sent_at;  ///< [N]: where each worker's values are
  std::vector<std::vector<float>> sent;  ///< Q(M (x) D_n) with M at sent_at[n], [d] each
  std::vector<float> mean;               ///< of the D_n, before any mask, [d]
  std::vector<float> aggregate;          ///< the mean of what was sent, [d]; Q of it
};

/// What the last vote of an absent worker is in a round.
enum class AbsentVotes : std::uint8_t {
  left_out,  ///< no vote: only those that take part have one
  stand,     ///< a vote as any other (add-drop voting, whose server has the sum of all)
};

/// Coordinates among which K are chosen: all d, or with selection = layer those of a layer.
struct DefinedPart {
  std::size_t begin = 0;
  std::size_t size = 0;
  std::uint32_t k = 0;
  std::uint32_t k_ad = 0;
  std::uint32_t draws = 0;  ///< which of a round's random numbers: 0 of all d, l + 1 of layer l

  /// The members of an increasing set that are in this part, relative to `begin`.
  [[nodiscard]] std::vector<compress::Index> members(const std::vector<compress::Index>& set) const;
};

/// A sparse round of the definition, from D to what is sent, as a scheme sees it.
class DefinitionRound {
 public:
  DefinitionRound(const Settings& settings, const Protocol& protocol, const Round& round,
                  std::span<const std::vector<float>> differences,
                  std::vector<std::vector<compress::Index>>& votes, DefinedRound& defined)
      : settings_(&settings),
        protocol_(&protocol),
        round_(&round),
        differences_(differences),
        votes_(&votes),
        defined_(&defined) {}

  [[nodiscard]] const Settings& settings() const { return *settings_; }
  [[nodiscard]] const Protocol& protocol() const { return *protocol_; }
  [[nodiscard]] const Round& round() const { return *round_; }
  [[nodiscard]] const DefinedRound& defined() const { return *defined_; }

  /// [0, d), or with selection = layer each layer.
  [[nodiscard]] std::vector<DefinedPart> parts() const;
  /// What `choose(part)` chooses in each part, relative to its begin, as a set of the d
  /// coordinates.
  template <typename Choose>
  [[nodiscard]] std::vector<compress::Index> in_each_part(const Choose& choose) const {
    std::vector<compress::Index> all;
    for (const DefinedPart& part : parts()) {
      for (const compress::Index i : choose(part)) {
        all.push_back(static_cast<compress::Index>(part.begin) + i);
      }
    }
    return all;
  }

  /// Chooses a worker's vote, given its D, its top-K support and its last vote.
  using ChooseVote = std::function<std::vector<compress::Index>(
      std::span<const float> difference, const std::vector<compress::Index>& top,
      const std::vector<compress::Index>& last)>;
  /// Every worker that takes part votes, in the order of the workers, and the votes are counted.
  void vote(const ChooseVote& choose, AbsentVotes absent = AbsentVotes::left_out);
  /// Algorithm 1 line 10: each worker votes for its top-K support.
  void vote_whole();
  /// Algorithm 2 line 15, on sets.
  [[nodiscard]] static std::vector<compress::Index> changed(
      const std::vector<compress::Index>& vote, const compress::VoteChange& change);
  /// Eq 9: the K coordinates with the most votes, in each part. If coordinates tie for the last
  /// places, the settings' tie rule says which of them enter in this round.
  [[nodiscard]] std::vector<compress::Index> most_voted() const;

  /// All workers that take part send their values under `mask`.
  void send_under(std::vector<compress::Index> mask);
  /// Each worker sends its values at its own vote. The aggregate comes back under `mask`.
  void send_own_votes(std::vector<compress::Index> mask);

 private:
  const Settings* settings_;
  const Protocol* protocol_;
  const Round* round_;
  std::span<const std::vector<float>> differences_;
  std::vector<std::vector<compress::Index>>* votes_;
  DefinedRound* defined_;
};

/// The definition of any scheme that sends. A round costs O(N d log d), for RS O(K d).
///
/// With selection = layer, "the K largest" and "the K most voted" are K_l of each layer, K_l =
/// ceil(phi d_l), or all d_l where these are fewer than dense_below; ties are broken in each layer.
/// What is quantised is all values of a message together, as ever.
///
/// Client sampling (McMahan et al. 2017, algorithm 1): in a round m of the N workers take part,
/// drawn by seed and round (participants()), and where the definition says "sum over n" or "mean",
/// it is over these m. Mask and aggregate go to all N, so that theta is the same everywhere in
/// every round, and a worker that takes part again begins where the others do. An absent worker
/// computes and sends nothing. Its e, velocity, batch-norm statistics and last vote stay as they
/// are, except that a decay of eta scales its e as those of others; and the batches of its local
/// steps are left out. AD's sum of votes has the last votes of all N. A round that begins with new
/// votes (the first sparse one, or that of a stair) has all N take part.
class Definition {
 public:
  /// theta [d]. With selection = layer, `layers` are the tensors of which it consists; if none are
  /// given, it is one.
  Definition(const Settings& settings, std::vector<float> theta, std::optional<Layers> layers = {});

  /// Runs one round with the model differences that `update` computes in slot 0.
  DefinedRound run(const Round& round, LocalUpdate& update);

  [[nodiscard]] std::span<const float> theta() const { return theta_; }
  [[nodiscard]] std::span<const float> error(std::uint32_t worker) const { return e_[worker]; }
  /// What quantisation of the aggregates lost, [d].
  [[nodiscard]] std::span<const float> server_error() const { return server_e_; }
  /// Empty if the settings have no momentum.
  [[nodiscard]] std::span<const float> velocity(std::uint32_t worker) const {
    return velocity_[worker];
  }

 private:
  Settings settings_;
  Layers layers_;
  std::vector<float> theta_;
  std::vector<std::vector<float>> e_;
  std::vector<float> server_e_;
  std::vector<std::vector<float>> velocity_;
  std::vector<std::vector<compress::Index>> votes_;  ///< each worker's last vote
};

}  // namespace mvsgd::sim
