-- The modelled components of an attempt together, to stand beside a meter of the whole
-- node. One row per run and attempt.
with
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    pue as (select * from {{ ref("int_energy__attempt_pue") }}),

    attempts_summed as (
        select
            run_id,
            attempt,
            'all' as component,
            case
                when max(missing_reason) is not null
                then 'missing'
                when max(case when energy_method = 'utilization' then 1 else 0 end) = 1
                then 'utilization'
                else 'allocation'
            end as energy_method,
            max(duration_hours) as duration_hours,
            case
                when max(missing_reason) is null then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh,
            max(hardware_origin) as hardware_origin,
            max(missing_reason) as missing_reason
        from modelled
        group by run_id, attempt
    ),

    final as (
        select attempts_summed.*, pue.pue_ratio
        from attempts_summed
        left join pue using (run_id, attempt)
    )

select *
from final
