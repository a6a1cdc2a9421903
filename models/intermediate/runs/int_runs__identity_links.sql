-- Which runs are the same: by a key or a name, and a tracked run nested in one that a
-- job tells of, if no job tells of it, is a part of that job. Every link stands in both
-- directions. One row per source and run as told, and source and run that it is the
-- same as.
with
    keyed as (select * from {{ ref("int_runs__identity_pairs") }}),
    tracked as (select * from {{ ref("int_runs__mlflow_runs") }}),
    sources as (select * from {{ ref("run_sources") }}),

    tracked_told as (
        {% for this, other in [("namer", "owner"), ("owner", "namer")] %}
            select
                {{ this }}_run_id as source_run_id,
                max(case when sources.tells = 'record' then 0 else 1 end) as in_job
            from keyed
            inner join sources on keyed.{{ other }}_source = sources.source_name
            where {{ this }}_source = 'mlflow'
            group by {{ this }}_run_id
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    tracked_linked as (
        select source_run_id, max(in_job) as in_job
        from tracked_told
        group by source_run_id
    ),

    ancestors as (
        select
            children.source_run_id,
            parents.source_run_id as parent_run_id,
            parents.mlflow_run_id as parent_name,
            grandparents.source_run_id as grandparent_run_id,
            grandparents.mlflow_run_id as grandparent_name
        from tracked as children
        inner join
            tracked as parents on children.parent_mlflow_run_id = parents.mlflow_run_id
        left join
            tracked as grandparents
            on parents.parent_mlflow_run_id = grandparents.mlflow_run_id
        left join
            tracked_linked on children.source_run_id = tracked_linked.source_run_id
        where tracked_linked.source_run_id is null
    ),

    nested as (
        select
            ancestors.source_run_id as namer_run_id,
            case
                when parents.in_job = 1 then parent_run_id else grandparent_run_id
            end as owner_run_id,
            case
                when parents.in_job = 1 then parent_name else grandparent_name
            end as key_value
        from ancestors
        left join
            tracked_linked as parents on ancestors.parent_run_id = parents.source_run_id
        left join
            tracked_linked as grandparents
            on ancestors.grandparent_run_id = grandparents.source_run_id
        where
            parents.in_job = 1
            or (parents.source_run_id is null and grandparents.in_job = 1)
    ),

    pairs as (
        {% set columns = [
            "namer_source",
            "namer_run_id",
            "owner_source",
            "owner_run_id",
            "key_kind",
            "key_value",
        ] | join(", ") %}
        select {{ columns }}
        from keyed
        union all
        select
            'mlflow' as namer_source,
            namer_run_id,
            'mlflow' as owner_source,
            owner_run_id,
            'mlflow_parent' as key_kind,
            key_value
        from nested
    ),

    links as (
        {% for this, other in [("namer", "owner"), ("owner", "namer")] %}
            select
                {{ this }}_source as source,
                {{ this }}_run_id as source_run_id,
                {{ other }}_source as other_source,
                {{ other }}_run_id as other_run_id,
                key_kind,
                key_value
            from pairs
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    final as (
        select
            source,
            source_run_id,
            other_source,
            other_run_id,
            min(key_kind) as key_kind,
            min_by(key_value, concat(key_kind, ' ', key_value)) as key_value
        from links
        group by source, source_run_id, other_source, other_run_id
    )

select *
from final
