-- What meters, other tools and the bill had to say of each component, in words. One row
-- per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components") }}),
    estimated as (select * from {{ ref("int_energy__components_estimated") }}),
    readings as (select * from {{ ref("int_energy__readings") }}),
    spend as (select * from {{ ref("int_energy__run_spend") }}),
    calibrations as (select * from {{ ref("int_calibration__calibrations") }}),
    contradicted as (
        select * from {{ ref("int_calibration__looked_up") }} where is_contradicted
    ),

    readings_left_out as (
        select
            run_id,
            attempt,
            component,
            case
                min(left_out_reason)
                when 'inside_another_zone'
                then 'what was reported is inside another zone'
                when 'another_meter_tells'
                then 'the samples of MLflow gave way to the job''s own meter'
                else 'what was reported is of another time'
            end as left_out_text
        from readings
        where left_out_reason is not null and is_meter
        group by run_id, attempt, component
    ),

    -- A tool tells of the component, or of the whole.
    estimates_told as (
        select
            components.run_id,
            components.attempt,
            components.component,
            max(
                case
                    when estimated.is_whole
                    then
                        concat(
                            estimated.meter,
                            ' says ',
                            round(estimated.estimated_energy_kwh, 6),
                            ' kWh'
                        )
                    else
                        concat(
                            estimated.meter,
                            ' covers ',
                            round(estimated.covered_ratio * 100, 1),
                            ' %'
                        )
                end
            ) as estimate_text
        from components
        inner join
            estimated
            on components.run_id = estimated.run_id
            and components.attempt = estimated.attempt
            and (
                components.component = estimated.component
                or estimated.component = 'all'
            )
        group by components.run_id, components.attempt, components.component
    ),

    final as (
        select
            components.*,
            case
                when components.measured_energy_kwh is not null
                then
                    concat(
                        components.meter,
                        ' covers ',
                        round(components.covered_ratio * 100, 1),
                        ' %'
                    )
                else coalesce(readings_left_out.left_out_text, 'no meter reported')
            end as meter_text,
            estimates_told.estimate_text,
            concat(
                taken.key,
                ', ',
                taken.runs,
                ' metered runs of ',
                taken.jobs,
                ' jobs, ',
                round(taken.mape_after * 100, 1),
                ' % off on jobs not seen'
            ) as calibrated_text,
            case
                when contradicted.run_id is not null
                then 'metered runs of this workload contradict it'
                when last_tried.reason = 'one_job_only'
                then 'runs of one job only are metered'
                when last_tried.reason = 'no_better_than_model'
                then 'no better than the model on jobs not seen'
                when last_tried.reason = 'better_than_model'
                then 'its load is far from those that were metered'
                else 'too few such runs are metered'
            end as no_calibration_text,
            case
                when spend.run_id is null
                then 'no line of the bill is its own'
                else coalesce(spend.missing_text, 'a part is measured')
            end as no_spend_text
        from components
        left join readings_left_out using (run_id, attempt, component)
        left join estimates_told using (run_id, attempt, component)
        left join contradicted using (run_id, attempt, component)
        left join spend on components.run_id = spend.run_id
        left join
            calibrations as taken on components.calibration_id = taken.calibration_id
        left join
            calibrations as last_tried
            on components.component = last_tried.component
            and last_tried.key_level = 'component'
    )

select *
from final
