// SPDX-License-Identifier: GPL-2.0
//
// Result<T>: a value, or why there is none.

#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace vr {

// Purpose: one failure, complete enough to be shown to the user.
// Threading: plain data.
// Errors: none.
//
// The lower layers set `code` and, where they know better than strerror(),
// `why` (the kernel's extended ack text, usually). The layer that knows the
// intention adds `what` with during().
struct Error {
    int code = 0;      // errno
    std::string what;  // what was attempted: "create context red"
    std::string why;   // replaces the text of `code` if not empty

    // "<what>: <why>", either part left out if unknown
    std::string text() const;
    Error during(std::string attempt) const;
};

// Purpose: return type of everything that can fail.
// Threading: as T.
// Errors: taking the value of a failed Result, or the error of a good one,
// is a bug in the caller and aborts.
//
//     Result<Context> got = get_context(client, ref);
//     if (!got)
//         return got.error();
//     use(got->id);
template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }

    T &operator*() & { return get(); }
    T operator*() && { return std::move(get()); }
    T *operator->() { return &get(); }

    const Error &error() const {
        const Error *error = std::get_if<1>(&state_);
        if (!error)
            std::abort();
        return *error;
    }

  private:
    T &get() {
        T *value = std::get_if<0>(&state_);
        if (!value)
            std::abort();
        return *value;
    }

    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    explicit operator bool() const { return !error_; }

    const Error &error() const {
        if (!error_)
            std::abort();
        return *error_;
    }

  private:
    std::optional<Error> error_;
};

}  // namespace vr
