-- Cost of each run in the reporting currency: the parts of all rungs that tell of it,
-- called after the rung of the largest. Unknown as soon as an attempt has no rung or a
-- part no exchange rate. One row per run.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    attempts_costed as (select * from {{ ref("int_cost__attempts_costed") }}),
    parts as (select * from {{ ref("int_cost__run_parts_converted") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    runs as (
        select
            attempts.run_id,
            -- What took no time costs nothing that a rung could miss.
            sum(
                case
                    when
                        attempts.duration_hours = 0
                        or attempts_costed.run_id is not null
                    then 0
                    else 1
                end
            ) as attempts_uncosted
        from attempts
        left join attempts_costed using (run_id, attempt)
        group by attempts.run_id
    ),

    methods as (
        select
            run_id,
            cost_method,
            {{ exact_sum("effective_cost") }} as method_cost,
            sum(charge_rows) as charge_rows,
            min(cost_origin) as one_origin
        from parts
        group by run_id, cost_method
    ),

    methods_ranked as (
        select
            *,
            row_number() over (
                partition by run_id order by method_cost desc nulls last, cost_method
            ) as method_rank
        from methods
    ),

    parts_summed as (
        select
            run_id,
            {{ exact_sum("effective_cost") }} as known_cost,
            sum(case when effective_cost is null then 1 else 0 end) as unconverted
        from parts
        group by run_id
    ),

    runs_judged as (
        select
            runs.run_id,
            settings.reporting_currency,
            parts_summed.known_cost,
            methods_ranked.cost_method,
            methods_ranked.one_origin,
            methods_ranked.charge_rows,
            case
                when parts_summed.run_id is null
                then 'no_bill_and_no_rate'
                when parts_summed.unconverted > 0
                then 'no_exchange_rate'
                when runs.attempts_uncosted > 0
                then 'part_without_bill_or_rate'
            end as missing_cost_reason
        from runs
        cross join settings
        left join parts_summed on runs.run_id = parts_summed.run_id
        left join
            methods_ranked
            on runs.run_id = methods_ranked.run_id
            and methods_ranked.method_rank = 1
    ),

    final as (
        select
            run_id,

            case
                when missing_cost_reason is null then cost_method else 'missing'
            end as cost_method,
            reporting_currency as cost_currency,

            case when missing_cost_reason is null then known_cost end as effective_cost,

            case
                when missing_cost_reason is null
                then
                    concat(
                        one_origin,
                        case
                            when charge_rows > 1
                            then concat(' and ', charge_rows - 1, ' more of the bill')
                            else ''
                        end
                    )
            end as cost_origin,
            missing_cost_reason
        from runs_judged
    )

select *
from final
