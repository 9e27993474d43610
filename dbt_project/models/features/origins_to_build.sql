{{ config(post_hook=["{{ forget_features_built() }}", "{{ drop_features_built_again() }}"]) }}

with origins as (

    select * from {{ ref('forecast_origins') }}

),

loads as (

    select * from {{ ref('loads') }}

),

promotions as (

    select * from {{ ref('promotions_decided') }}

),

first_plans as (

    select
        file_id,
        min(known_on) as known_on
    from promotions
    group by file_id

),

inputs as (

    -- from which day on a file can change features; lists of products, stores and days always can
    select
        loads.file_id,
        case
            when loads.entity = 'sales_events' then loads.known_on
            when loads.entity = 'promotions' then first_plans.known_on
            else date '0001-01-01'
        end as known_on
    from loads
    left join first_plans on loads.file_id = first_plans.file_id

),

fingerprints as (

    -- a file's id is a hash of its place, so their sum tells one set of files from another
    select
        origins.cutoff_on,
        '{{ feature_scope() }}' as scope,
        sql_revision() as code,
        cast(count(inputs.file_id) as varchar)
        || '/' || cast(sum(cast(inputs.file_id as decimal(38, 0))) as varchar) as files
    from origins
    inner join inputs on origins.cutoff_on >= inputs.known_on
    group by origins.cutoff_on

),

{% set built = adapter.get_relation(this.database, this.schema, 'features_built') -%}
built as (

    {% if built is none or flags.FULL_REFRESH -%}
    select
        cast(null as date) as cutoff_on,
        cast(null as varchar) as scope,
        cast(null as varchar) as code,
        cast(null as varchar) as files
    where false
    {%- else -%}
    select * from {{ built }}
    {%- endif %}

),

origins_to_build as (

    select
        origins.cutoff_on,
        origins.horizon_days,
        fingerprints.scope,
        fingerprints.code,
        fingerprints.files
    from origins
    inner join fingerprints on origins.cutoff_on = fingerprints.cutoff_on
    left join built on origins.cutoff_on = built.cutoff_on
    where
        fingerprints.scope is distinct from built.scope
        or fingerprints.code is distinct from built.code
        or fingerprints.files is distinct from built.files

)

select * from origins_to_build
