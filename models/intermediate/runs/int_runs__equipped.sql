-- Attempts with the facts of their machine and what the name of their accelerators
-- says. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__located") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    accelerators_named as (select * from {{ ref("int_energy__accelerators_named") }}),

    attempts_keyed as (
        select
            *,
            -- Processors nobody knows have coefficients per provider, else a general
            -- one.
            case
                when hardware_key <> '*' or provider_code in ('aws', 'azure', 'gcp')
                then provider_code
                else '*'
            end as hardware_provider_code
        from attempts
    ),

    final as (
        select
            attempts_keyed.*,

            hardware.cpu_microarchitecture,
            hardware.accelerator_model as machine_accelerator_model,
            accelerators_named.accelerator_model as named_accelerator_model,

            hardware.vcpus as machine_vcpus,
            coalesce(
                hardware.powered_vcpus / nullif(hardware.vcpus, 0), 1.0
            ) as powered_ratio,
            hardware.memory_gib as machine_memory_gib,
            hardware.memory_above_baseline_ratio,
            hardware.memory_above_baseline_arithmetic,
            hardware.idle_w_per_vcpu,
            hardware.w10_per_vcpu,
            hardware.w50_per_vcpu,
            hardware.max_w_per_vcpu,
            -- A machine without accelerators of its own may have some attached.
            case
                when
                    hardware.accelerator_count > 0
                    or attempts_keyed.accelerator_model is null
                then hardware.accelerator_count
            end as machine_accelerators,
            hardware.accelerator_share as machine_accelerator_share,

            accelerators_named.accelerator_share as named_accelerator_share,
            accelerators_named.is_mig,
            accelerators_named.number_in_name,
            accelerators_named.slice_devices,
            accelerators_named.missing_reason as share_missing_reason,
            coalesce(
                nullif(
                    regexp_extract(
                        attempts_keyed.tpu_topology, '^[0-9]+x[0-9]+(?:x[0-9]+)?$', 0
                    ),
                    ''
                ),
                accelerators_named.topology
            ) as topology,

            hardware.cpu_factor_key,
            hardware.cpu_source_id,
            hardware.hardware_origin
        from attempts_keyed
        left join
            hardware
            on attempts_keyed.hardware_provider_code = hardware.provider_code
            and attempts_keyed.site_name = case
                when hardware.hardware_key = '*'
                then attempts_keyed.site_name
                else hardware.site_name
            end
            and attempts_keyed.hardware_key = hardware.hardware_key
        left join
            accelerators_named
            on lower(trim(attempts_keyed.accelerator_model))
            = accelerators_named.accelerator_name
    )

select *
from final
