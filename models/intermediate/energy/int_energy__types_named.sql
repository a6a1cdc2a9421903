-- Machines that the reference lists lack and whose name tells their size, by
-- instance_name_rules: of each fact, the first rule that tells it. One row per provider
-- and hardware key.
with
    names as (select * from {{ ref("int_energy__type_names") }}),
    instance_types as (select * from {{ ref("instance_types") }}),
    rules as (select * from {{ ref("instance_name_rules") }}),
    microarchitectures as (select * from {{ ref("microarchitectures") }}),

    -- Several spellings may be one machine.
    machines_lacking as (
        select
            names.provider_code,
            names.hardware_key,
            names.bare_name,
            names.units,
            names.constrained_vcpus,
            names.named_memory_gib
        from names
        left join
            instance_types
            on names.provider_code = instance_types.provider_code
            and names.hardware_key = lower(instance_types.instance_type)
        where instance_types.instance_type is null
        group by all
    ),

    rules_fitting as (
        select
            machines_lacking.*,
            rules.rule_id,
            rules.priority,
            coalesce(
                rules.vcpus, machines_lacking.units * rules.vcpus_per_unit
            ) as told_vcpus,
            rules.powered_vcpus,
            rules.memory_gib,
            rules.memory_gib_per_vcpu,
            rules.memory_gib_per_accelerator,
            rules.cpu_microarchitecture,
            rules.accelerator_model,
            coalesce(
                rules.accelerator_count,
                machines_lacking.units / rules.units_per_accelerator
            ) as told_accelerators
        from machines_lacking
        inner join
            rules
            on machines_lacking.provider_code = rules.provider_code
            and regexp_extract(machines_lacking.bare_name, rules.name_regex, 0) <> ''
    ),

    rules_sized as (
        select
            *,
            {{ first_told("told_vcpus", "priority") }} over (
                partition by provider_code, hardware_key
            ) as parent_vcpus,
            {{ first_told("told_accelerators", "priority") }} over (
                partition by provider_code, hardware_key
            ) as accelerator_count
        from rules_fitting
    ),

    rules_measured as (
        select
            *,
            coalesce(
                named_memory_gib,
                memory_gib,
                memory_gib_per_vcpu * parent_vcpus,
                memory_gib_per_accelerator * accelerator_count
            ) as told_memory_gib
        from rules_sized
        where parent_vcpus is not null
    ),

    machines_named as (
        select
            provider_code,
            hardware_key,
            max(parent_vcpus) as parent_vcpus,
            max(constrained_vcpus) as constrained_vcpus,
            max(accelerator_count) as accelerator_count,
            {{ first_told("powered_vcpus", "priority") }} as powered_vcpus,
            {{ first_told("told_memory_gib", "priority") }} as memory_gib,
            {{ first_told("cpu_microarchitecture", "priority") }}
            as cpu_microarchitecture,
            {{ first_told("accelerator_model", "priority") }} as accelerator_model,
            {{ joined_text("rule_id", "priority") }} as rule_ids
        from rules_measured
        group by provider_code, hardware_key
    ),

    final as (
        select
            machines_named.provider_code,
            machines_named.hardware_key,

            machines_named.cpu_microarchitecture,
            machines_named.accelerator_model,

            coalesce(
                machines_named.constrained_vcpus, machines_named.parent_vcpus
            ) as vcpus,
            coalesce(
                machines_named.powered_vcpus, machines_named.parent_vcpus
            ) as powered_vcpus,
            machines_named.memory_gib,
            -- A machine of a family with accelerators may have any number of them.
            case
                when machines_named.accelerator_model is null
                then 0.0
                else machines_named.accelerator_count
            end as accelerator_count,
            -- Nobody tells the platform: a server of one chip, the largest of its line.
            microarchitectures.max_vcpus_per_chip as platform_vcpus,
            case
                when microarchitectures.max_vcpus_per_chip is not null then 1.0
            end as platform_chips,

            machines_named.rule_ids
        from machines_named
        left join
            microarchitectures
            on machines_named.cpu_microarchitecture
            = microarchitectures.cpu_microarchitecture
    )

select *
from final
