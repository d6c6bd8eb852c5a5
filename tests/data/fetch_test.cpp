// Fetching from files and from a server, in one go or resumed. Bytes that are not the archive leave
// nothing behind.
#include "data/fetch.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "tests/data/small_archive.hpp"
#include "tests/test_directory.hpp"

namespace mvsgd::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
namespace fs = std::filesystem;

/// Answers HTTP requests on the loopback interface, one after another, until it is destroyed.
class Server {
 public:
  struct Behaviour {
    bool ranges = true;
    std::size_t break_off = std::string::npos;  ///< bytes of the body sent before a hang-up
    const char* status = nullptr;               ///< sent in place of all this
  };

  Server(std::string body, Behaviour behaviour)
      : body_(std::move(body)), behaviour_(behaviour), socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    const bool listens = bind(socket_, any, size) == 0 && listen(socket_, 4) == 0 &&
                         getsockname(socket_, any, &size) == 0;
    if (!listens) throw std::system_error(errno, std::generic_category(), "no loopback server");
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/a.tar.gz";
    thread_ = std::jthread([this] { serve(); });
  }
  ~Server() {
    shutdown(socket_, SHUT_RDWR);  // ends accept()
    thread_.join();
    close(socket_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }

 private:
  void serve() {
    for (int client = -1; (client = accept(socket_, nullptr, nullptr)) >= 0; close(client)) {
      std::string request;
      char byte = 0;
      while (!request.ends_with("\r\n\r\n") && recv(client, &byte, 1, 0) == 1) request += byte;
      requests_.push_back(request);
      const std::string answer = respond(request);
      send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  [[nodiscard]] std::string respond(const std::string& request) const {
    if (behaviour_.status != nullptr) {
      return "HTTP/1.1 " + std::string(behaviour_.status) + "\r\nContent-Length: 0\r\n\r\n";
    }
    std::size_t first = 0;
    std::string head = "HTTP/1.1 200 OK\r\n";
    const std::size_t range = request.find("Range: bytes=");
    if (behaviour_.ranges && range != std::string::npos) {
      first = std::stoul(request.substr(range + 13));
      head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(first) + "-" +
             std::to_string(body_.size() - 1) + "/" + std::to_string(body_.size()) + "\r\n";
    }
    const std::string rest = body_.substr(first);
    return head + "Content-Length: " + std::to_string(rest.size()) +
           "\r\nConnection: close\r\n\r\n" + rest.substr(0, behaviour_.break_off);
  }

  std::string body_;
  Behaviour behaviour_;
  int socket_;
  std::string url_;
  std::vector<std::string> requests_;  ///< to be read once the fetch has ended
  std::jthread thread_;
};

class Fetch : public testing::Test {
 protected:
  Fetch() {
    archive_ = write_archive(root_ / "a.tar.gz", good_entries());
    body_ = content(root_ / "a.tar.gz");
    setenv("no_proxy", "127.0.0.1", 1);
  }

  void expect_fetched() {
    EXPECT_EQ(content(dir_ / "one.bin"), kOne);
    EXPECT_EQ(content(dir_ / "two.bin"), kTwo);
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 2);
    EXPECT_TRUE(is_there(archive_, dir_));
  }
  void begin(const std::string& part) {
    fs::create_directories(dir_);
    std::ofstream(dir_ / "archive.part", std::ios::binary) << part;
  }
  void expect_failure(const std::string& words) {
    EXPECT_THAT([&] { fetch(archive_, dir_); }, ThrowsMessage<FormatError>(HasSubstr(words)));
  }

  TestDirectory directory_;
  fs::path root_ = directory_.path();
  fs::path dir_ = root_ / "deep" / "data";
  Archive archive_;
  std::string body_;
};

TEST_F(Fetch, AFileIsFetchedWithItsProgress) {
  std::uint64_t last = 0;
  fetch(archive_, dir_, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, body_.size());
    last = done;
  });
  EXPECT_EQ(last, body_.size());
  expect_fetched();
  std::ofstream(dir_ / "two.bin") << "secand";
  EXPECT_FALSE(is_there(archive_, dir_));
  fetch(archive_, dir_);  // mends it
  expect_fetched();
}

TEST_F(Fetch, ABrokenFileTransferIsGoneOnWith) {
  begin(body_.substr(0, 100));
  std::uint64_t first = 0;
  fetch(archive_, dir_, [&](std::uint64_t done, std::uint64_t) { first = first ? first : done; });
  EXPECT_GT(first, 100U);
  expect_fetched();
}

TEST_F(Fetch, AWholePartIsNotFetchedAgain) {
  begin(body_);
  archive_.url = "file:///no/such/file";
  fetch(archive_, dir_);
  expect_fetched();
}

TEST_F(Fetch, ABrokenHttpTransferIsKeptAndGoneOnWithByARange) {
  {
    const Server server(body_, {.break_off = 100});
    archive_.url = server.url();
    expect_failure("the first 100 of " + std::to_string(body_.size()) + " bytes are kept");
    EXPECT_EQ(content(dir_ / "archive.part"), body_.substr(0, 100));
  }
  const Server server(body_, {});
  archive_.url = server.url();
  fetch(archive_, dir_);
  expect_fetched();
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(server.requests()[0], HasSubstr("Range: bytes=100-"));
}

TEST_F(Fetch, FromAServerWithoutRangesItStartsAnew) {
  begin(body_.substr(0, 100));
  const Server server(body_, {.ranges = false});
  archive_.url = server.url();
  fetch(archive_, dir_);
  expect_fetched();
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(Fetch, WhatADiskHadRoomForIsKeptAndGoneOnWith) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit less = before;
  less.rlim_cur = body_.size() / 2;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &less), 0);
  EXPECT_THAT([&] { fetch(archive_, dir_); },
              ThrowsMessage<std::runtime_error>(
                  AllOf(HasSubstr("archive.part: cannot be written: File too large"),
                        HasSubstr("the same command goes on"))));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(content(dir_ / "archive.part"), body_.substr(0, body_.size() / 2));
  fetch(archive_, dir_);
  expect_fetched();
}

TEST_F(Fetch, NothingIsLeftOfWhatCannotBeHad) {
  archive_.url = "file:///no/such/file";
  expect_failure("file:///no/such/file: ");
  EXPECT_FALSE(fs::exists(dir_));
  archive_.url = "gopher://127.0.0.1/";
  expect_failure("gopher");
  {
    const Server server(body_, {.status = "404 Not Found"});
    archive_.url = server.url();
    expect_failure("404");
  }
  EXPECT_FALSE(fs::exists(dir_));
}

TEST_F(Fetch, NothingIsLeftOfOtherBytes) {
  std::string altered = body_;
  altered[altered.size() / 2] ^= 1;
  std::ofstream(root_ / "a.tar.gz", std::ios::binary) << altered;
  expect_failure("SHA-256 is not");
  EXPECT_FALSE(fs::exists(dir_));

  std::ofstream(root_ / "a.tar.gz", std::ios::binary) << body_ << "more";
  expect_failure("longer than");
  EXPECT_FALSE(fs::exists(dir_));

  std::ofstream(root_ / "a.tar.gz", std::ios::binary) << body_.substr(0, 100);
  expect_failure("shorter than");
  EXPECT_FALSE(fs::exists(dir_));

  std::ofstream(root_ / "a.tar.gz", std::ios::binary) << body_;
  archive_.files[1].md5[0] ^= 1;
  expect_failure("two.bin: its MD5 is not");
  EXPECT_FALSE(fs::exists(dir_));
}

TEST_F(Fetch, WhatElseIsInTheDirectoryStays) {
  fs::create_directories(dir_);
  std::ofstream(dir_ / "mine.txt") << "mine";
  const std::string sha256 = std::exchange(archive_.sha256, std::string(64, '0'));
  expect_failure("SHA-256");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 1);
  archive_.sha256 = sha256;
  fetch(archive_, dir_);
  EXPECT_EQ(content(dir_ / "mine.txt"), "mine");
}

TEST(Cifar10Archive, HasTheSizesOfTheReader) {
  const Archive archive = cifar10_archive();
  EXPECT_EQ(archive.files.size(), 6U);
  for (const Archive::File& file : archive.files) EXPECT_EQ(file.bytes, 30'730'000U);
  const char* dir = std::getenv("MVSGD_CIFAR10");
  if (dir == nullptr) GTEST_SKIP() << "MVSGD_CIFAR10 names no directory with the real files";
  EXPECT_TRUE(is_there(archive, dir));
}

}  // namespace
}  // namespace mvsgd::data
