# SPDX-License-Identifier: Apache-2.0
# cython: language_level=3, freethreading_compatible=True, binding=False
# cython: always_allow_keywords=False, boundscheck=False, wraparound=False
# cython: embedsignature=True, embedsignature.format=clinic
"""The only extension: converts, calls the core, raises. No policy.

One file a concern, in this order. The classes build on each other and make one: RawStore.
"""

include "sink.pyx"
include "values.pyx"
include "keys.pyx"
include "attachment.pyx"
include "fixed.pyx"
include "slots.pyx"
include "kept.pyx"
include "handle.pyx"
include "known.pyx"
include "pin.pyx"
include "ndarray.pyx"
include "reader.pyx"
include "pinned.pyx"
include "parts.pyx"
include "writer.pyx"
include "builder.pyx"
include "listing.pyx"
include "store.pyx"
include "methods.pyx"
include "lockref.pyx"
include "epoch.pyx"
include "tally.pyx"
