-- Cloud regions as runs and bills write them, and the region that is meant: its code,
-- another name of it, or one of its zones. A name that several providers have needs the
-- provider. One row per provider, region and zone as told.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    charges as (select * from {{ ref("int_billing__charges_daily") }}),
    providers as (select * from {{ ref("providers") }}),
    regions as (select * from {{ ref("cloud_regions") }}),
    aliases as (select * from {{ ref("region_aliases") }}),
    zone_rules as (select * from {{ ref("region_zone_rules") }}),

    places as (
        select
            coalesce(attempts.provider_code, '') as told_provider,
            coalesce(attempts.region, '') as told_region,
            coalesce(attempts.zone, '') as told_zone
        from attempts
        union
        select
            coalesce(charges.provider_name, '') as told_provider,
            coalesce(charges.told_region, '') as told_region,
            '' as told_zone
        from charges
    ),

    -- What the region says goes before what the zone says.
    texts as (
        select
            places.*,
            coalesce(
                providers.provider_code, lower(trim(places.told_provider))
            ) as provider_code,
            lower(trim(places.told_region)) as place_text,
            10 as text_rank
        from places
        left join
            providers on lower(trim(places.told_provider)) = providers.provider_name_key
        union all
        select
            places.*,
            coalesce(
                providers.provider_code, lower(trim(places.told_provider))
            ) as provider_code,
            lower(trim(places.told_zone)) as place_text,
            20 as text_rank
        from places
        left join
            providers on lower(trim(places.told_provider)) = providers.provider_name_key
        where places.told_zone <> ''
    ),

    candidates as (
        select
            texts.*,
            regions.provider_code as found_provider_code,
            regions.region,
            cast(null as string) as missing_reason,
            texts.text_rank + 1 as candidate_rank
        from texts
        inner join
            regions
            on texts.place_text = regions.region
            and texts.provider_code in (regions.provider_code, '')
        union all
        select
            texts.*,
            aliases.provider_code as found_provider_code,
            aliases.region,
            aliases.missing_reason,
            case
                when aliases.region is null then 100 else texts.text_rank + 2
            end as candidate_rank
        from texts
        inner join
            aliases
            on {{ alias_key("texts.place_text") }} = aliases.alias_key
            and (
                coalesce(aliases.provider_code, '') in (texts.provider_code, '')
                or (texts.provider_code = '' and not aliases.needs_provider)
            )
        union all
        select
            texts.*,
            aliases.provider_code as found_provider_code,
            aliases.region,
            cast(null as string) as missing_reason,
            texts.text_rank + 3 as candidate_rank
        from texts
        inner join zone_rules on texts.provider_code in (zone_rules.provider_code, '')
        inner join
            aliases
            on zone_rules.provider_code = aliases.provider_code
            and {{
                alias_key(
                    "regexp_extract(texts.place_text, zone_rules.zone_regex, 1)"
                )
            }} = aliases.alias_key
    ),

    candidates_ranked as (
        select
            *,
            min(candidate_rank) over (
                partition by told_provider, told_region, told_zone
            ) as best_rank
        from candidates
    ),

    final as (
        select
            told_provider,
            told_region,
            told_zone,

            max(found_provider_code) as provider_code,
            max(region) as region,

            max(missing_reason) as missing_reason
        from candidates_ranked
        where candidate_rank = best_rank
        group by told_provider, told_region, told_zone
        having count(distinct found_provider_code) <= 1
    )

select *
from final
