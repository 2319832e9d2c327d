# SPDX-License-Identifier: Apache-2.0
"""What bench/sign, bench/apply and bench/scale share. Processes and arithmetic are compare_lib's."""
