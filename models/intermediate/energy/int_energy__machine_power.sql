-- Power of a whole machine at the default utilisations of an unknown workload: what a
-- bill's machine-hour is worth in energy. One row per provider, site and hardware key.
with
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    final as (
        select
            hardware.provider_code,
            hardware.site_name,
            hardware.hardware_key,

            hardware.accelerator_count,
            hardware.powered_vcpus
            * {{
                at_load(
                    "constants.cpu_utilization_default",
                    "hardware.idle_w_per_vcpu",
                    "hardware.w10_per_vcpu",
                    "hardware.w50_per_vcpu",
                    "hardware.max_w_per_vcpu",
                )
            }}
            + coalesce(
                hardware.memory_gib
                * hardware.memory_above_baseline_ratio
                * constants.memory_w_per_gib,
                0.0
            )
            + case
                when hardware.accelerator_count = 0
                then 0.0
                else
                    hardware.accelerator_count
                    * hardware.accelerator_share
                    * {{
                        at_load(
                            "constants.accelerator_utilization_unknown",
                            "accelerators.at_0",
                            "accelerators.at_10",
                            "accelerators.at_50",
                            "accelerators.at_100",
                        )
                    }}
            end as machine_w,
            {{
                at_load(
                    "constants.cpu_utilization_default",
                    "hardware.idle_w_per_vcpu",
                    "hardware.w10_per_vcpu",
                    "hardware.w50_per_vcpu",
                    "hardware.max_w_per_vcpu",
                )
            }} as vcpu_w,

            case
                when hardware.accelerator_count is null
                then 'unknown_accelerator_count'
                when hardware.accelerator_count = 0
                then null
                when accelerators.accelerator_model is null
                then 'unknown_accelerator'
                else accelerators.missing_reason
            end as missing_reason
        from hardware
        cross join constants
        left join
            accelerators on hardware.accelerator_model = accelerators.accelerator_model
    )

select *
from final
