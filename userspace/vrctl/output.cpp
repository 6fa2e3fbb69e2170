// SPDX-License-Identifier: GPL-2.0

#include "output.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vrctl {
namespace {

using Json = nlohmann::ordered_json;

std::string cell(const Field &field) {
    if (const auto *number = std::get_if<std::uint64_t>(&field.value))
        return std::to_string(*number);
    if (const auto *text = std::get_if<std::string>(&field.value))
        return *text;
    return "-";
}

std::string heading(const Field &field) {
    std::string text = field.key;
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

std::string line(std::span<const std::string> cells,
                 std::span<const std::size_t> widths) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); i++) {
        text += cells[i];
        if (i + 1 < cells.size())
            text.append(widths[i] - cells[i].size() + 2, ' ');
    }
    return text + "\n";
}

Json object(const Record &record) {
    Json json = Json::object();
    for (const Field &field : record) {
        Json &value = json[field.key];
        if (const auto *number = std::get_if<std::uint64_t>(&field.value))
            value = *number;
        else if (const auto *text = std::get_if<std::string>(&field.value))
            value = *text;
    }
    return json;
}

// Device names are bytes; what is not UTF-8 is replaced, not refused.
std::string dump(const Json &json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_text(std::span<const Record> records) {
    if (records.empty())
        return {};

    std::vector<std::vector<std::string>> rows(1);
    for (const Field &field : records[0])
        rows[0].push_back(heading(field));
    for (const Record &record : records) {
        auto &row = rows.emplace_back();
        for (const Field &field : record)
            row.push_back(cell(field));
    }

    std::vector<std::size_t> widths(rows[0].size());
    for (const auto &row : rows)
        for (std::size_t i = 0; i < row.size(); i++)
            widths[i] = std::max(widths[i], row[i].size());

    std::string text;
    for (const auto &row : rows)
        text += line(row, widths);
    return text;
}

std::string to_json(std::span<const Record> records) {
    Json array = Json::array();
    for (const Record &record : records)
        array.push_back(object(record));
    return dump(array);
}

std::string to_json(const Record &record) {
    return dump(object(record));
}

}  // namespace vrctl
