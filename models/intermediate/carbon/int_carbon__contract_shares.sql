-- The part of the energy that each contract covers: its volume spread evenly over what
-- it may cover, never more than there is. Contracts of one tier that together would
-- cover more share in proportion; a supplier's tariff covers what the others left. One
-- row per contract, provider, region and hour.
with
    contract_hours as (select * from {{ ref("int_carbon__contract_hours") }}),

    {% for tier in [1, 2] %}
        tier_{{ tier }}_open as (
            select
                contract_hours.*,
                {% if tier == 1 %} cast(1.0 as double)
                {% else %} 1.0 - coalesce(tier_1_sums.covered_ratio, 0.0)
                {% endif %} as open_ratio
            from contract_hours
            {% if tier == 2 %}
                left join tier_1_sums using (provider_code, region, hour_start_utc)
            {% endif %}
            where contract_hours.tier = {{ tier }}
        ),

        tier_{{ tier }}_volumes as (
            select
                contract_name,
                least(
                    1.0,
                    coalesce(
                        max(volume_kwh) / nullif(
                            {{ exact_sum("facility_energy_kwh * open_ratio") }}, 0
                        ),
                        1.0
                    )
                ) as volume_ratio
            from tier_{{ tier }}_open
            group by contract_name
        ),

        tier_{{ tier }}_wanted as (
            select
                tier_{{ tier }}_open.*,
                volume_ratio,
                sum(cast(volume_ratio as decimal(38, 18))) over (
                    partition by provider_code, region, hour_start_utc
                ) as wanted_ratio
            from tier_{{ tier }}_open
            inner join tier_{{ tier }}_volumes using (contract_name)
        ),

        tier_{{ tier }} as (
            select
                contract_name,
                provider_code,
                region,
                hour_start_utc,
                facility_energy_kwh,
                volume_kwh,
                intensity_g_per_kwh,
                open_ratio
                * volume_ratio
                / greatest(cast(wanted_ratio as double), 1.0) as covered_ratio
            from tier_{{ tier }}_wanted
        ),

        tier_{{ tier }}_sums as (
            select
                provider_code,
                region,
                hour_start_utc,
                least(1.0, {{ exact_sum("covered_ratio") }}) as covered_ratio
            from tier_{{ tier }}
            group by provider_code, region, hour_start_utc
        ),
    {% endfor %}

    final as (
        select *
        from tier_1
        union all
        select *
        from tier_2
    )

select *
from final
