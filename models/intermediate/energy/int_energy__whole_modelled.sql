-- The components of an attempt without a meter together, to stand beside a meter of the
-- whole node. One row per run and attempt.
with
    unmetered as (select * from {{ ref("int_energy__components_unmetered") }}),
    pue as (select * from {{ ref("int_energy__attempt_pue") }}),

    attempts_summed as (
        select
            run_id,
            attempt,
            'all' as component,
            case
                when max(missing_reason) is not null
                then 'missing'
                when
                    max(case energy_method when 'external_estimate' then 1 else 0 end)
                    = 1
                then 'external_estimate'
                when max(case energy_method when 'utilization' then 1 else 0 end) = 1
                then 'utilization'
                else 'allocation'
            end as energy_method,
            max(duration_hours) as duration_hours,
            case
                when max(missing_reason) is null then {{ exact_sum("energy_kwh") }}
            end as it_energy_kwh,
            max(hardware_origin) as hardware_origin,
            max(missing_reason) as missing_reason,
            max(model_missing_reason) as model_missing_reason
        from unmetered
        group by run_id, attempt
    ),

    final as (
        select attempts_summed.*, pue.pue_ratio
        from attempts_summed
        left join pue using (run_id, attempt)
    )

select *
from final
