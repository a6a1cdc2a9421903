-- The accelerator that a name means, and which part of one each counts for: a MIG slice
-- by its compute slices, a die of two a half. A slice of TPUs tells its chips. One row
-- per name in lower case.
with
    devices as (select * from {{ ref("int_energy__accelerator_devices") }}),
    mig_profiles as (select * from {{ ref("mig_profiles") }}),

    families as (
        select accelerator_model, accelerator_family
        from mig_profiles
        where profile = '*'
    ),

    -- A short name (a100) is of the device that has such a profile; any number of
    -- slices is a part of the device that is named.
    mig_candidates as (
        select
            devices.accelerator_name,
            mig_profiles.accelerator_family,
            mig_profiles.accelerator_model,
            mig_profiles.device_slices,
            row_number() over (
                partition by devices.accelerator_name
                order by
                    case when mig_profiles.profile = '*' then 1 else 0 end,
                    case
                        when mig_profiles.accelerator_model = devices.device_model
                        then 0
                        else 1
                    end,
                    mig_profiles.preference,
                    mig_profiles.accelerator_family
            ) as preference
        from devices
        left join families on devices.device_model = families.accelerator_model
        inner join
            mig_profiles
            on (
                mig_profiles.profile = devices.mig_profile
                and (
                    devices.device_model is null
                    or mig_profiles.accelerator_family = families.accelerator_family
                )
            )
            or (
                mig_profiles.profile = '*'
                and mig_profiles.accelerator_model = devices.device_model
            )
        where devices.mig_profile is not null
    ),

    -- A profile alone (mig-1g.10gb) may be of several devices, equally cut.
    mig_devices as (
        select
            accelerator_name,
            case
                when count(distinct accelerator_family) = 1
                then max(case when preference = 1 then accelerator_model end)
            end as accelerator_model,
            case
                when min(device_slices) = max(device_slices) then max(device_slices)
            end as device_slices
        from mig_candidates
        group by accelerator_name
    ),

    final as (
        select
            devices.accelerator_name,
            coalesce(
                mig_devices.accelerator_model, devices.device_model
            ) as accelerator_model,

            case
                when devices.number_in_name is null
                then
                    coalesce(
                        devices.slices / mig_devices.device_slices,
                        1.0 / devices.counted_per_device
                    )
            end as accelerator_share,
            devices.number_in_name,
            devices.number_in_name / devices.counted_per_device as slice_devices,
            devices.topology,
            devices.mig_profile is not null as is_mig,
            case
                when
                    devices.is_time_shared
                    or (
                        devices.mig_profile is not null
                        and mig_devices.device_slices is null
                    )
                then 'unknown_accelerator_share'
            end as missing_reason
        from devices
        left join mig_devices on devices.accelerator_name = mig_devices.accelerator_name
    )

select *
from final
