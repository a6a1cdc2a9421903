-- Names of machines as runs and bill lines write them, read by each provider's grammar:
-- Standard_E64-16s_v5 is the size E64s_v5 with 16 of its 64 vCPUs. One row per provider
-- and name in lower case.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    skus as (select * from {{ ref("int_billing__skus") }}),
    grammars as (select * from {{ ref("instance_name_grammars") }}),

    names as (
        select lower(trim(instance_type)) as type_name
        from attempts
        where source <> 'slurm'
        union
        select type_name
        from skus
    ),

    names_read as (
        select
            names.type_name,
            grammars.provider_code,
            grammars.key_prefix,
            grammars.units_regex,
            grammars.constrained_vcpus_regex,
            grammars.memory_mib_regex,
            regexp_extract(
                replace(names.type_name, ' ', '_'), grammars.name_regex, 1
            ) as bare_name
        from names
        cross join grammars
        where names.type_name is not null
    ),

    final as (
        select
            provider_code,
            type_name,

            bare_name,
            concat(coalesce(key_prefix, ''), bare_name) as hardware_key,

            -- Ten r5.xlarge is r5.10xlarge: no number is one.
            coalesce(
                cast(nullif(regexp_extract(bare_name, units_regex, 1), '') as double),
                1.0
            ) as units,
            cast(
                nullif(
                    regexp_extract(bare_name, constrained_vcpus_regex, 1), ''
                ) as double
            ) as constrained_vcpus,
            cast(nullif(regexp_extract(bare_name, memory_mib_regex, 1), '') as double)
            / 1024 as named_memory_gib
        from names_read
        where bare_name <> ''
    )

select *
from final
