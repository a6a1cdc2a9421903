"""The most that a value may be. Above these it parses, but it cannot be true.

Models sum in decimal(38, 18), which has room for 20 digits before the point, and split each run by
the hours it touches. A value above its bound would overflow the one or blow up the other, and take
the night of everybody else with it: so its row is refused at the edge, as `out_of_range`.
"""

# A run split by hour is then at most 43,831 rows. The longest time limit of a public cluster is
# months; what runs longer is a service, and reports itself in pieces.
MAX_RUN_YEARS = 5
MAX_RUN_S = MAX_RUN_YEARS * 31_557_600  # of 365.25 days

# The largest product of the following, all instances full of accelerators for five years at 3 kW,
# is 1.3e15 kWh and at 2 kg/kWh 2.6e18 g: inside 20 digits.
MAX_INSTANCES = 1_000_000  # the largest cluster has some 160,000 nodes (Fugaku)
MAX_VCPUS = 100_000  # per instance; the largest has 1,920
MAX_MEMORY_GIB = 10_000_000  # per instance; the largest has 32,768
MAX_ACCELERATORS = 10_000  # per instance; a TPU pod in one piece has 9,216
MAX_ATTEMPT = 1_000_000

# Of a job over all of its nodes.
MAX_JOB_CPUS = 100_000_000  # the largest cluster has some 10,000,000
MAX_JOB_GPUS = 10_000_000
MAX_JOB_MEMORY_BYTES = 2**60  # 1 EiB
MAX_JOB_CPU_S = 10**15  # 6,000,000 CPUs, busy for five years

# 2.8e8 kWh: 6 MW for five years. A counter that wrapped around reads 1.8e19.
MAX_ENERGY_J = 10**15

# A bill is summed over some 1e5 of the largest charges before it leaves 20 digits.
MAX_COST = 10**15  # in any currency
MAX_QUANTITY = 10**18  # an exabyte-month counted in bytes
MAX_BYTE_SECONDS = 10**24  # Google counts so: an exabyte for twelve days

# The dirtiest grids on record emit some 1,000 g per kWh, a single lignite plant some 1,300.
MAX_GRID_INTENSITY_G_PER_KWH = 2000
