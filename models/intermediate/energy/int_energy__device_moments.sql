-- What a device had used by each moment at which a reading or a claim of it begins or
-- ends. Its power is the mean of the readings of that time; counters go before samples
-- of power. One row per device and moment.
with
    readings as (select * from {{ ref("int_energy__readings_apart") }}),
    claims as (select * from {{ ref("int_energy__claims") }}),

    readings_of_both_kinds as (
        select
            device_key,
            from_at_utc,
            to_at_utc,
            case when is_exact then 1 else 0 end as counters,
            case when is_exact then power_w else 0 end as counted_w,
            case when is_exact then 0 else 1 end as samples,
            case when is_exact then 0 else power_w end as sampled_w
        from readings
    ),

    changes as (
        {% for edge, sign in [("from_at_utc", ""), ("to_at_utc", "-")] %}
            select
                device_key,
                {{ edge }} as at_utc,
                {{ sign }} counters as counters,
                {{ sign }} cast(counted_w as decimal(38, 12)) as counted_w,
                {{ sign }} samples as samples,
                {{ sign }} cast(sampled_w as decimal(38, 12)) as sampled_w,
                cast(0 as decimal(38, 12)) as weight
            from readings_of_both_kinds
            union all
            select
                device_key,
                {{ edge }} as at_utc,
                0 as counters,
                cast(0 as decimal(38, 12)) as counted_w,
                0 as samples,
                cast(0 as decimal(38, 12)) as sampled_w,
                {{ sign }} cast(weight as decimal(38, 12)) as weight
            from claims
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    moments as (
        select
            device_key,
            at_utc,
            {% for change in [
                "counters",
                "counted_w",
                "samples",
                "sampled_w",
                "weight",
            ] %}
                sum(sum({{ change }})) over (
                    partition by device_key
                    order by at_utc
                    rows between unbounded preceding and current row
                ) as {{ change }},
            {% endfor %}
            lead(at_utc) over (partition by device_key order by at_utc) as next_at_utc
        from changes
        group by device_key, at_utc
    ),

    -- Sums of exact decimals: power that ends is gone to the last digit.
    segments as (
        select
            device_key,
            at_utc,
            cast(weight as double) as weight,
            case
                when counters > 0
                then cast(counted_w as double) / counters
                when samples > 0
                then cast(sampled_w as double) / samples
            end as power_w,
            {{ epoch_s("next_at_utc") }} - {{ epoch_s("at_utc") }} as segment_s
        from moments
    ),

    final as (
        select
            device_key,
            at_utc,

            {% for name, expression in [
                (
                    "known_s",
                    "case when power_w is not null then segment_s end",
                ),
                ("energy_j", "power_w * segment_s"),
                ("energy_j_per_weight", "power_w * segment_s / weight"),
            ] %}
                coalesce(
                    sum(cast({{ expression }} as decimal(38, 12))) over (
                        partition by device_key
                        order by at_utc
                        rows between unbounded preceding and 1 preceding
                    ),
                    0
                ) as {{ name }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from segments
    )

select *
from final
