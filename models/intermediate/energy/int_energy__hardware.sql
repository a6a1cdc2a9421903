-- Machines with the power of their processor and the memory that its coefficient does
-- not hold. hardware_key '*' is a machine of unknown processor; machines of one owner
-- and the same figures share a machine_key. One row per provider, site and hardware
-- key.
with
    catalogue as (select * from {{ ref("int_energy__hardware_catalogue") }}),
    curves as (select * from {{ ref("int_energy__cpu_curves") }}),

    unknown_machines as (
        select
            provider_scope as provider_code,
            '' as site_name,
            '*' as hardware_key,

            cast(null as string) as instance_type,
            cast(null as string) as instance_family,
            cast(null as string) as cpu_microarchitecture,
            cast(null as string) as accelerator_model,

            cast(null as double) as vcpus,
            cast(null as double) as powered_vcpus,
            cast(null as double) as memory_gib,
            cast(null as double) as accelerator_count,
            cast(null as double) as accelerator_share,
            cast(null as double) as platform_vcpus,
            cast(null as double) as platform_chips,

            'resources given by the run' as hardware_origin
        from curves
        where cpu_microarchitecture = '*'
    ),

    machines as (
        select *
        from catalogue
        union all
        select *
        from unknown_machines
    ),

    machines_with_curve as (
        select
            machines.*,
            curves.factor_key as cpu_factor_key,
            curves.source_id as cpu_source_id,
            curves.idle_w_per_vcpu,
            curves.w10_per_vcpu,
            curves.w50_per_vcpu,
            curves.max_w_per_vcpu,
            curves.memory_gib_per_chip,
            row_number() over (
                partition by
                    machines.provider_code, machines.site_name, machines.hardware_key
                order by
                    case when curves.cpu_microarchitecture = '*' then 1 else 0 end,
                    curves.method_rank,
                    case when curves.provider_scope = '*' then 1 else 0 end
            ) as preference
        from machines
        left join
            curves
            on curves.provider_scope in (machines.provider_code, '*')
            and curves.cpu_microarchitecture in (machines.cpu_microarchitecture, '*')
    ),

    machines_powered as (
        select
            provider_code,
            site_name,
            hardware_key,

            instance_type,
            cpu_microarchitecture,
            accelerator_model,

            vcpus,
            powered_vcpus,
            memory_gib,
            accelerator_count,
            accelerator_share,
            -- A coefficient of the whole server holds its memory up to
            -- memory_gib_per_chip.
            coalesce(
                greatest(
                    0.0,
                    1.0
                    - platform_chips
                    * memory_gib_per_chip
                    / nullif(memory_gib / nullif(powered_vcpus, 0) * platform_vcpus, 0)
                ),
                0.0
            ) as memory_above_baseline_ratio,
            concat(
                '(1 - ',
                platform_chips,
                ' * ',
                memory_gib_per_chip,
                ' / ',
                memory_gib / nullif(powered_vcpus, 0) * platform_vcpus,
                ')'
            ) as memory_above_baseline_arithmetic,
            idle_w_per_vcpu,
            w10_per_vcpu,
            w50_per_vcpu,
            max_w_per_vcpu,

            cpu_factor_key,
            cpu_source_id,
            hardware_origin
        from machines_with_curve
        where preference = 1
    ),

    final as (
        select
            *,
            min(hardware_key) over (
                partition by
                    provider_code,
                    site_name,
                    vcpus,
                    powered_vcpus,
                    memory_gib,
                    memory_above_baseline_ratio,
                    idle_w_per_vcpu,
                    accelerator_count,
                    accelerator_model
            ) as machine_key
        from machines_powered
    )

select *
from final
