-- Names of accelerators as runs, settings and bills write them, in parts: the device, a
-- MIG slice (A100-SXM4-40GB-MIG-3g.20gb), time sharing (Tesla-T4-SHARED), the topology
-- of a TPU slice (v5e-2x4). One row per name in lower case.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    hosts as (select * from {{ ref("stg_settings__hosts") }}),
    skus as (select * from {{ ref("int_billing__skus") }}),

    names as (
        select lower(trim(accelerator_model)) as accelerator_name
        from attempts
        union
        select lower(trim(accelerator_model)) as accelerator_name
        from hosts
        union
        select accelerator_name
        from skus
    ),

    -- What a resource of Kubernetes has before its name is not the device's.
    names_bare as (
        select
            accelerator_name,
            regexp_extract(
                accelerator_name, '^(?:[a-z.-]+[.]com/)?(.*)$', 1
            ) as bare_name
        from names
        where accelerator_name is not null
    ),

    names_cut as (
        select
            *,
            regexp_extract(
                bare_name,
                '^(.*?)[ ._/-]*(?:mig[ ._-]*)?(?:[1-7]c[._-])?[1-7]g[._-][0-9]+gb.*$',
                1
            ) as before_mig,
            regexp_extract(bare_name, '([1-7])g[._-][0-9]+gb', 1) as slices,
            regexp_extract(bare_name, '[1-7]g[._-]([0-9]+)gb', 1) as slice_gb,
            regexp_extract(bare_name, '([1-7])c[._-][1-7]g[._-][0-9]+gb', 1) as compute,
            regexp_extract(
                bare_name, '^(.*?)[ _-]?[0-9]+x[0-9]+(?:x[0-9]+)?$', 1
            ) as before_topology,
            regexp_extract(bare_name, '([0-9]+x[0-9]+(?:x[0-9]+)?)$', 1) as topology,
            regexp_extract(bare_name, '^(.*?)[ ._-]shared$', 1) as before_shared
        from names_bare
    ),

    final as (
        select
            accelerator_name,

            case
                when slices <> ''
                then before_mig
                when topology <> ''
                then before_topology
                when bare_name like '%shared'
                then before_shared
                else bare_name
            end as device_name,
            case
                when slices <> '' then concat(slices, 'g.', slice_gb, 'gb')
            end as mig_profile,
            nullif(topology, '') as topology,
            bare_name like '%shared' as is_time_shared,

            -- An instance on part of a slice (1c.3g.20gb) computes with that part.
            cast(coalesce(nullif(compute, ''), nullif(slices, '')) as double) as slices
        from names_cut
    )

select *
from final
