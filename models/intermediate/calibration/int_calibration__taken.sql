-- What calibrations say of each component without a meter. One against meters of the
-- whole machine goes first where no part of the attempt is metered and none of a part
-- is of a narrower key: its figure lies on the components as the model's does. One row
-- per run, attempt and component that is calibrated.
with
    looked_up as (
        select * from {{ ref("int_calibration__looked_up") }} where not is_contradicted
    ),
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    attempts_metered as (
        select run_id, attempt, min(component) as metered_component
        from measured
        group by run_id, attempt
    ),

    attempts_in_parts as (
        select run_id, attempt, min(preference) as narrowest
        from looked_up
        where component <> 'all'
        group by run_id, attempt
    ),

    attempts_whole as (
        select looked_up.*
        from looked_up
        left join
            attempts_metered
            on looked_up.run_id = attempts_metered.run_id
            and looked_up.attempt = attempts_metered.attempt
        left join
            attempts_in_parts
            on looked_up.run_id = attempts_in_parts.run_id
            and looked_up.attempt = attempts_in_parts.attempt
        where
            looked_up.component = 'all'
            and attempts_metered.run_id is null
            and looked_up.preference
            <= coalesce(attempts_in_parts.narrowest, looked_up.preference)
    ),

    components as (
        select
            modelled.run_id,
            modelled.attempt,
            modelled.component,
            coalesce(
                attempts_whole.calibration_id, looked_up.calibration_id
            ) as calibration_id,
            case
                when attempts_whole.calibration_id is not null
                then 'all'
                else modelled.component
            end as calibrated_component,
            modelled.it_energy_kwh as modelled_energy_kwh,
            case
                when attempts_whole.calibration_id is not null
                then
                    attempts_whole.calibrated_energy_kwh
                    / attempts_whole.modelled_energy_kwh
                    * modelled.it_energy_kwh
                else looked_up.calibrated_energy_kwh
            end as calibrated_energy_kwh,
            case
                when attempts_whole.calibration_id is not null
                then
                    attempts_whole.calibrated_energy_kwh
                    / attempts_whole.modelled_energy_kwh
                else looked_up.factor
            end as factor,
            case
                when attempts_whole.calibration_id is not null
                then ''
                else looked_up.unseen_arithmetic
            end as unseen_arithmetic
        from modelled
        left join
            attempts_whole
            on modelled.run_id = attempts_whole.run_id
            and modelled.attempt = attempts_whole.attempt
        left join
            looked_up
            on modelled.run_id = looked_up.run_id
            and modelled.attempt = looked_up.attempt
            and modelled.component = looked_up.component
        where modelled.missing_reason is null and modelled.it_energy_kwh > 0
    ),

    final as (
        select *
        from components
        where calibration_id is not null
        union all
        select
            run_id,
            attempt,
            component,
            calibration_id,
            component as calibrated_component,
            modelled_energy_kwh,
            calibrated_energy_kwh,
            factor,
            unseen_arithmetic
        from looked_up
        where component = 'all'
    )

select *
from final
