// SPDX-License-Identifier: GPL-2.0
//
// Mistakes that the simulator makes on purpose, to see that it notices them.
// The daemon is compiled without.

#pragma once

namespace vrd {

enum class Mutation {
    none,
    no_quorum,       // every set of members is enough
    grant_early,     // bind() goes on before the order is known
    all_synced,      // whoever comes is taken to have the database
    keep_ports,      // ports of nodes that are gone stay theirs
    forget_buffer,   // a joiner misses what happened during the transfer
    same_epoch,      // a new lead has the epoch of the old one
    no_fence,        // a node cut off stays lead
    drop_batch,      // what fell between two views is not asked again
    forget_release,  // a closed socket keeps its port
    late_lead,       // a port is granted before the lead knows it
    no_acks,         // what is delivered is done, whoever else knows
    sort_owners,     // who shares a port is in the order of numbers
};

#ifdef VRD_MUTATIONS
inline Mutation mutation = Mutation::none;
inline bool broken(Mutation one) {
    return mutation == one;
}
#else
constexpr bool broken(Mutation) {
    return false;
}
#endif

}  // namespace vrd
