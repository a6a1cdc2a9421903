-- Mean power that the model gives an attempt on each of its machines were it alone
-- there, all components together; null where it cannot tell one of them. One row per
-- run and attempt.
with
    modelled as (select * from {{ ref("int_energy__components_alone") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),

    attempts_summed as (
        select
            run_id,
            attempt,
            case
                when max(missing_reason) is null then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh
        from modelled
        group by run_id, attempt
    ),

    final as (
        select
            attempts_summed.run_id,
            attempts_summed.attempt,

            attempts_summed.it_energy_kwh
            * 1000
            / nullif(
                resources.duration_hours * resources.instance_count, 0
            ) as machine_w
        from attempts_summed
        inner join
            resources
            on attempts_summed.run_id = resources.run_id
            and attempts_summed.attempt = resources.attempt
    )

select *
from final
