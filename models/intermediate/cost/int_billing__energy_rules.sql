-- What a unit of each energy rule is worth in energy at the as-of time, and how many
-- vCPUs it has: the sum of its rows in line_energy_rules. One row per energy rule and
-- provider.
with
    rules as (select * from {{ ref("line_energy_rules") }}),
    skus as (select * from {{ ref("int_billing__skus") }}),
    constants as (select * from {{ ref("int_energy__power_constants_known") }}),
    machines as (
        select *
        from {{ ref("int_energy__machine_power") }}
        where site_name = '' and hardware_key = '*'
    ),

    providers as (select provider_code from skus group by provider_code),

    factors as (
        select providers.provider_code, constants.factor_key, constants.value
        from providers
        cross join constants
        union all
        select provider_code, 'vcpu_w' as factor_key, vcpu_w as value
        from machines
    ),

    final as (
        select
            providers.provider_code,
            rules.energy_rule,

            max(rules.dimension) as dimension,

            case
                when count(factors.value) = count(*)
                then {{ exact_sum("factors.value * rules.factors_per_unit") }}
            end as kwh_per_unit,
            {{ exact_sum("rules.vcpus_per_unit") }} as vcpus_per_unit
        from rules
        cross join providers
        left join
            factors
            on providers.provider_code = factors.provider_code
            and rules.factor_key = factors.factor_key
        group by providers.provider_code, rules.energy_rule
    )

select *
from final
