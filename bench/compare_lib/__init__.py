# SPDX-License-Identifier: Apache-2.0
"""The pieces of bench/compare: one job a file, nothing beyond Python's standard library."""
