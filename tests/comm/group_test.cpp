// For every implementation of the interface: a group moves messages between its ranks in order, no
// wait outlives a failure, and all that ranks share goes through the group.
#include "comm/group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/inproc/inproc.hpp"
#include "tests/comm/one_value.hpp"
#include "tests/sanitizers.hpp"

namespace mvsgd::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using std::chrono_literals::operator""ms;

struct Implementation {
  const char* name;
  std::unique_ptr<Group> (*make)(std::uint32_t workers, const WireObserver& observer);
};

const Implementation kImplementations[] = {
    {"inproc", [](std::uint32_t workers, const WireObserver& observer) -> std::unique_ptr<Group> {
       return std::make_unique<InprocGroup>(workers, observer);
     }}};

std::string name_of(const testing::TestParamInfo<Implementation>& info) { return info.param.name; }

std::vector<std::byte> bytes_of(std::uint64_t value) {
  BitWriter out;
  out.put(value, 64);
  return out.take();
}

std::uint64_t value_of(const std::vector<std::byte>& bytes) {
  return BitReader(bytes, Bits::of_bytes(bytes.size())).get(64);
}

class GroupSizes : public testing::TestWithParam<std::tuple<Implementation, std::uint32_t>> {};

// Like a training round, each round is a sum over the workers and its broadcast. The counts of all
// ends, and the workers' reports, come together at the server.
TEST_P(GroupSizes, ReducesAndBroadcastsRoundAfterRound) {
  const auto& [implementation, workers] = GetParam();
  constexpr std::uint32_t kRounds = 50;
  const auto group = implementation.make(workers, {});
  std::vector<std::uint64_t> sums(kRounds);
  std::vector<std::vector<std::uint64_t>> seen(workers);
  Bits updates;
  const auto work = [&](Transport& end) {
    const std::uint32_t n = end.rank();
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      end.send(end.server(), message(Kind::update, n, t, (n + 1) * (t + 1)));
      seen[n].push_back(receive_value(end, end.server(), Kind::aggregate, t));
      end.report_round(t, bytes_of(seen[n].back() + n));
    }
  };
  const auto serve = [&](Transport& end) {
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      for (std::uint32_t n = 0; n < end.workers(); ++n) {
        sums[t] += receive_value(end, n, Kind::update, t);
      }
      const Message aggregate = message(Kind::aggregate, end.rank(), t, sums[t]);
      for (std::uint32_t n = 0; n < end.workers(); ++n) end.send(n, aggregate);
      const ClosedRound closed = end.close_round(t);
      // 2 N messages with a header, 61 bits and 3 bits of padding each.
      EXPECT_EQ(closed.rows.size(), 2 * end.workers() * 3);
      updates += sum_by_direction(closed.rows)[Direction::up].total();
      ASSERT_EQ(closed.reports.size(), end.workers());
      for (std::uint32_t n = 0; n < end.workers(); ++n) {
        EXPECT_EQ(value_of(closed.reports[n]), sums[t] + n) << "round " << t << ", worker " << n;
      }
    }
  };
  group->run([&](Transport& end) { end.rank() == end.server() ? serve(end) : work(end); });
  for (std::uint32_t t = 0; t < kRounds; ++t) {
    EXPECT_EQ(sums[t], (t + 1) * (workers * (workers + 1) / 2)) << "round " << t;
  }
  for (std::uint32_t n = 0; n < workers; ++n) EXPECT_EQ(seen[n], sums) << "worker " << n;
  EXPECT_EQ(updates, std::uint64_t{kRounds} * workers * Bits(256));
}

// Each round a number goes around from every worker, and grows at each: what workers send each
// other needs no server, and no order between rounds.
TEST_P(GroupSizes, GoesAroundARingOfWorkersRoundAfterRound) {
  const auto& [implementation, workers] = GetParam();
  constexpr std::uint32_t kRounds = 20;
  const auto group = implementation.make(workers, {});
  Bits bits;
  const auto work = [&, count = workers](Transport& end) {
    const std::uint32_t n = end.rank();
    const std::uint32_t next = (n + 1) % count;
    const std::uint32_t last = (n + count - 1) % count;
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      std::uint64_t sum = n + t;
      for (std::uint32_t step = 1; step < count; ++step) {
        end.send(next, message(Kind::reduce, n, t, sum));
        sum = receive_value(end, last, Kind::reduce, t) + n + t;
      }
      EXPECT_EQ(sum, count * (count - 1) / 2 + count * t) << "round " << t;
      end.report_round(t, {});
    }
  };
  const auto serve = [&, count = workers](Transport& end) {
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      const ClosedRound closed = end.close_round(t);
      EXPECT_EQ(closed.rows.size(), count == 1 ? 0 : count * 3);
      bits += sum_by_direction(closed.rows)[Direction::across].total();
    }
  };
  group->run([&](Transport& end) { end.rank() == end.server() ? serve(end) : work(end); });
  EXPECT_EQ(bits, std::uint64_t{kRounds} * workers * (workers - 1) * Bits(256));
}

std::string size_name(const testing::TestParamInfo<GroupSizes::ParamType>& size) {
  return std::string(std::get<0>(size.param).name) + std::to_string(std::get<1>(size.param));
}

INSTANTIATE_TEST_SUITE_P(Workers, GroupSizes,
                         testing::Combine(testing::ValuesIn(kImplementations),
                                          testing::Values(1U, 2U, 10U, 50U)),
                         size_name);

class GroupOf : public testing::TestWithParam<Implementation> {
 protected:
  static std::unique_ptr<Group> make(std::uint32_t workers, const WireObserver& observer = {}) {
    return GetParam().make(workers, observer);
  }
};

INSTANTIATE_TEST_SUITE_P(Implementations, GroupOf, testing::ValuesIn(kImplementations), name_of);

TEST_P(GroupOf, RunsEveryRankThatIsHereOnceAndTheServerWhereItWasCalled) {
  const auto group = make(5);
  std::mutex mutex;
  std::multiset<std::uint32_t> ranks;
  std::set<std::thread::id> threads;
  std::thread::id servers;
  for (int again = 0; again < 2; ++again) {
    ranks.clear();
    threads.clear();
    group->run([&](Transport& end) {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(&end, &group->end(end.rank()));
      ranks.insert(end.rank());
      threads.insert(std::this_thread::get_id());
      if (end.rank() == group->server()) servers = std::this_thread::get_id();
    });
    EXPECT_EQ(ranks, (std::multiset<std::uint32_t>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(threads.size(), 6U);
    EXPECT_EQ(servers, std::this_thread::get_id());
  }
}

TEST_P(GroupOf, AWorkersFailureEndsEveryWaitAndItsOwnExceptionCounts) {
  const auto group = make(3);
  std::atomic<int> ended = 0;
  EXPECT_THAT(
      [&] {
        group->run([&](Transport& end) {
          if (end.rank() == 1) throw std::domain_error("loss is not finite");
          try {
            (void)end.receive_control(end.rank() == 3 ? 0 : 3, "news");
          } catch (const TransportError& e) {
            EXPECT_THAT(e.what(), HasSubstr("worker 1 has failed: loss is not finite"));
            ++ended;
            throw;
          }
        });
      },
      ThrowsMessage<std::domain_error>("loss is not finite"));
  EXPECT_EQ(ended, 3);
}

TEST_P(GroupOf, AServersFailureEndsEveryWaitAndItsOwnExceptionCounts) {
  const auto group = make(3);
  std::atomic<int> ended = 0;
  EXPECT_THAT(
      [&] {
        group->run([&](Transport& end) {
          if (end.rank() == 3) throw std::domain_error("bits and law differ");
          try {
            (void)end.receive(3, Kind::mask, 4);
          } catch (const TransportError& e) {
            EXPECT_THAT(e.what(), HasSubstr("the server has failed: bits and law differ"));
            ++ended;
            throw;
          }
        });
      },
      ThrowsMessage<std::domain_error>("bits and law differ"));
  EXPECT_EQ(ended, 3);
}

// Limits the address space of this process while it lives.
class AddressSpace {
 public:
  explicit AddressSpace(std::size_t more) {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    getrlimit(RLIMIT_AS, &before_);
    const rlimit limited{.rlim_cur = pages * page + more, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_AS, &limited);
  }
  ~AddressSpace() { setrlimit(RLIMIT_AS, &before_); }
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

 private:
  rlimit before_{};
};

TEST_P(GroupOf, AThreadThatCannotBeStartedEndsTheGroupAtOnceAndSaysHowManyCouldBe) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory is in the address space";
  const auto group = make(200);
  std::atomic<int> waits = 0;
  const auto run = [&] {
    const AddressSpace limit(std::size_t{100} << 20U);  // for a dozen stacks
    group->run([&](Transport& end) {
      ++waits;
      end.rank() == end.server() ? (void)end.receive(0, Kind::update, 0)
                                 : (void)end.receive(end.server(), Kind::mask, 0);
    });
  };
  EXPECT_THAT(
      run, ThrowsMessage<std::runtime_error>(AllOf(
               HasSubstr("of 200 workers' threads could be started: "), HasSubstr("ulimit -u"))));
  EXPECT_GT(waits, 1);
  EXPECT_LT(waits, 200);
}

TEST_P(GroupOf, KeepsTheOrderOfMessagesBetweenTwoEnds) {
  const auto group = make(1);
  constexpr std::uint32_t kMessages = 1000;
  group->run([&](Transport& end) {
    for (std::uint32_t t = 0; t < kMessages; ++t) {
      if (end.rank() == 0) {
        end.send(1, message(Kind::update, 0, t, t * 3ULL));
      } else {
        ASSERT_EQ(receive_value(end, 0, Kind::update, t), t * 3ULL);
      }
    }
  });
}

TEST_P(GroupOf, KeepsTheOrderOfControlMessagesWhateverTheMessagesBetweenThem) {
  const auto group = make(2);
  constexpr std::uint32_t kRounds = 300;
  group->run([&](Transport& end) {
    if (end.rank() < 2) {
      for (std::uint32_t t = 0; t < kRounds; ++t) {
        end.send_control(2, "news", bytes_of(10 * t + end.rank()));
        end.send(2, message(Kind::update, end.rank(), t, t));
        EXPECT_EQ(value_of(end.receive_control(2, "answer")), t);
      }
      return;
    }
    for (std::uint32_t t = 0; t < kRounds; ++t) {
      for (const std::uint32_t n : {1U, 0U}) {
        EXPECT_EQ(receive_value(end, n, Kind::update, t), t);
        EXPECT_EQ(value_of(end.receive_control(n, "news")), 10 * t + n);
        end.send_control(n, "answer", bytes_of(t));
      }
    }
  });
  // A byte, the name, 8 bytes.
  EXPECT_EQ(group->end(2).control_bits(),
            (ByDirection<Bits>{Bits(2 * kRounds * 8 * 13), Bits(2 * kRounds * 8 * 15)}));
}

TEST_P(GroupOf, AFailureEndsEveryWait) {
  const auto group = make(3);
  std::vector<std::future<void>> waits;
  for (std::uint32_t n = 0; n < 2; ++n) {
    waits.push_back(std::async(std::launch::async,
                               [&group, n] { (void)group->end(n).receive(3, Kind::mask, 4); }));
  }
  waits.push_back(
      std::async(std::launch::async, [&group] { (void)group->end(3).receive(0, Kind::vote, 4); }));
  std::this_thread::sleep_for(20ms);  // so that most runs meet threads that already wait
  group->fail(2, "loss is not finite");
  for (auto& wait : waits) {
    EXPECT_THAT([&] { wait.get(); }, ThrowsMessage<TransportError>(AllOf(
                                         HasSubstr("awaited"), HasSubstr("of round 4 from "),
                                         HasSubstr("worker 2 has failed: loss is not finite"))));
  }
}

TEST_P(GroupOf, RefusesEverythingAfterAFailureEvenWhatHasArrived) {
  const auto group = make(2);
  group->end(0).send(2, message(Kind::vote, 0, 0, 7));
  group->fail(1, "first");
  group->fail(0, "second");
  EXPECT_THAT([&] { (void)group->end(2).receive(0, Kind::vote, 0); },
              ThrowsMessage<TransportError>(HasSubstr("worker 1 has failed: first")));
  EXPECT_THAT([&] { group->end(2).send(0, message(Kind::mask, 2, 0, 7)); },
              ThrowsMessage<TransportError>("the server cannot send: worker 1 has failed: first"));
  EXPECT_THROW(group->end(2).send_control(0, "news", {}), TransportError);
}

TEST_P(GroupOf, TellsTheObserverFromTheSendersThreads) {
  std::mutex mutex;
  std::vector<std::uint32_t> senders;
  const auto group = make(4, [&](std::uint32_t to, const Message& seen) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(to, 4U);
    senders.push_back(seen.header.sender);
  });
  group->run([](Transport& end) {
    if (end.rank() == 4) return;
    end.send(4, message(Kind::vote, end.rank(), 0, end.rank()));
    end.send_control(4, "news", {});  // which no observer sees
  });
  EXPECT_THAT(senders, ::testing::UnorderedElementsAre(0, 1, 2, 3));
}

TEST_P(GroupOf, RefusesARankThatItHasNot) {
  EXPECT_THROW((void)make(2)->end(3), std::invalid_argument);
  EXPECT_THROW((void)make(0), std::invalid_argument);
}

}  // namespace
}  // namespace mvsgd::comm
