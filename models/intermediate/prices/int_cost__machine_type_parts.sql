-- The parts that Google prices a machine type by, for types that hold nothing else.
-- One row per machine type and part.
with
    instance_types as (select * from {{ ref("instance_types") }}),
    machine_parts as (select * from {{ ref("gcp_machine_parts") }}),

    -- Shared cores are priced by their share; disks that come with a machine cost
    -- extra.
    types as (
        select *
        from instance_types
        where
            provider_code = 'gcp'
            and powered_vcpus = vcpus
            and instance_type not like '%lssd%'
            and instance_type not like '%metal%'
    ),

    final as (
        select
            types.instance_type,
            machine_parts.instance_type_like,
            machine_parts.component,
            case
                when machine_parts.component = 'vcpu'
                then types.vcpus
                when machine_parts.component = 'memory'
                then types.memory_gib
                else types.accelerator_count
            end as units,
            case
                when coalesce(types.accelerator_count, 0) > 0 then 3 else 2
            end as parts_needed
        from types
        inner join
            machine_parts on types.instance_type like machine_parts.instance_type_like
        where
            machine_parts.component <> 'accelerator'
            or machine_parts.accelerator_model = types.accelerator_model
    )

select *
from final
