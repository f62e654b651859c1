# SPDX-License-Identifier: Apache-2.0
"""Functions whose results a store keeps: `Store.cached`."""
