-- The power curve that is preferred for a processor, known at the as-of time: by
-- precedence of the method, then the newest. '*' stands for a processor nobody knows.
-- One row per microarchitecture and provider scope.
with
    cpu_power as (select * from {{ ref("stg_factors__cpu_power") }}),

    curves_ranked as (
        select
            *,
            row_number() over (
                partition by microarchitecture, provider_scope
                order by method_rank, published_on desc, recorded_at_utc desc, source_id
            ) as preference
        from cpu_power
        -- A package-only coefficient would need memory, fans and board beside it.
        where
            includes = 'whole_server'
            and {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (
        select
            microarchitecture as cpu_microarchitecture,
            provider_scope,

            method,
            concat(
                'cpu_power: ', microarchitecture, ', ', provider_scope, ', ', method
            ) as factor_key,

            idle_w_per_vcpu,
            w10_per_vcpu,
            w50_per_vcpu,
            max_w_per_vcpu,
            memory_gib_per_chip,

            method_rank,
            source_id,
            published_on
        from curves_ranked
        where preference = 1
    )

select *
from final
