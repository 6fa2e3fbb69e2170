// SPDX-License-Identifier: GPL-2.0
//
// Numbers to bytes and back. Everything on the wire is little endian.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vrd::wire {

using Bytes = std::vector<std::byte>;

// Purpose: appends numbers.
// Threading: plain data.
// Errors: none.
class Writer {
  public:
    template <typename T>
    void put(T value) {
        for (std::size_t i = 0; i < sizeof(T); i++)
            bytes_.push_back(static_cast<std::byte>(
                static_cast<std::uint64_t>(value) >> (8 * i)));
    }
    void put(std::span<const std::uint8_t> raw) {
        for (std::uint8_t one : raw)
            bytes_.push_back(static_cast<std::byte>(one));
    }
    std::size_t size() const { return bytes_.size(); }
    Bytes take() { return std::move(bytes_); }

  private:
    Bytes bytes_;
};

// Purpose: takes numbers from the front.
// Threading: plain data.
// Errors: past the end everything is 0 and ok() is false, for good.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <typename T>
    T get() {
        std::uint64_t value = 0;
        if (bytes_.size() < sizeof(T)) {
            spoil();
            return 0;
        }
        for (std::size_t i = 0; i < sizeof(T); i++)
            value |= static_cast<std::uint64_t>(bytes_[i]) << (8 * i);
        bytes_ = bytes_.subspan(sizeof(T));
        return static_cast<T>(value);
    }
    void get(std::span<std::uint8_t> raw) {
        for (std::uint8_t &one : raw)
            one = get<std::uint8_t>();
    }
    // A number of items of at least `each` bytes: more than there is room for
    // is refused before anything is allocated.
    template <typename T>
    std::size_t count(std::size_t each) {
        std::size_t number = get<T>();
        if (number * each > bytes_.size()) {
            spoil();
            return 0;
        }
        return number;
    }
    void spoil() {
        ok_ = false;
        bytes_ = {};
    }
    bool ok() const { return ok_; }
    // Nothing is missing and nothing is left.
    bool done() const { return ok_ && bytes_.empty(); }

  private:
    std::span<const std::byte> bytes_;
    bool ok_ = true;
};

}  // namespace vrd::wire
