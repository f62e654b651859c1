# SPDX-License-Identifier: Apache-2.0
"""Mechanisms of the store that are useful by themselves."""

from tryget.parts.epoch import Epoch

__all__ = ["Epoch"]
