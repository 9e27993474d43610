{{ by_origin() }}

{#- Days of sales that a series which is not new is taken to have, in turn. -#}
{% set hidden_days = [0, 7, 14, 28] %}
{#- Days of its category's mean that the mean of a product counts, of its expectation that the
    size of a store counts. -#}
{% set product_prior_days = 14 %}
{% set store_prior_days = 3 %}
{#- Units and days of the expectation that the own sales of a series count. -#}
{% set prior_units = 8 %}
{% set prior_days = 2 %}

with series as (

    select * from {{ ref('series_to_build') }}

),

series_windows as (

    select * from {{ ref('series_windows') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

in_scope as (

    -- what to hide of a series that is not new: its store's days or, from 4 on, its product's
    select
        series.cutoff_on,
        series.series_number,
        series.product_id,
        series.store_id,
        series.source,
        coalesce(products.category, 'unknown') as category,
        case
            when not series.is_new
                then mod(ascii(md5(
                    series.product_id || '/' || series.store_id || '/'
                    || cast(series.cutoff_on as varchar)
                )), 8)
        end as disguise,
        max(cast(not series.is_new as integer)) over (
            partition by series.cutoff_on, series.source, series.store_id
        ) as is_store_known,
        coalesce({{ feature_days_between(
            'series_windows.first_sold_on', 'series_windows.cutoff_on'
        ) }} + 1, 0) as age_days,
        {%- for window in [7, 14, 28, 56] %}
        coalesce(series_windows.units_{{ window }}, 0) as units_{{ window }},
        coalesce(series_windows.open_days_{{ window }}, 0) as days_{{ window }},
        {%- endfor %}
        0 as units_0,
        0 as days_0
    from series
    left join series_windows
        on
            series.cutoff_on = series_windows.cutoff_on
            and series.series_number = series_windows.series_number
    left join products on series.product_id = products.product_id
    where series.is_in_scope

),

hidden as (

    select
        *,
        coalesce(
            disguise,
            4 * is_store_known + case
                {%- for days in hidden_days | reverse %}
                when age_days >= {{ days }} then {{ loop.revindex0 }}
                {%- endfor %}
            end
        ) as stratum,
        case
            {%- for days in hidden_days %}
            when disguise = {{ loop.index0 }} then {{ days }}
            {%- endfor %}
            else 56
        end as store_window,
        case
            {%- for days in hidden_days %}
            when disguise = {{ loop.index0 + 4 }} then {{ days }}
            {%- endfor %}
            else 56
        end as product_window
    from in_scope

),

others as (

    -- sums over the other stores of the product, and over the other products of the category
    select
        *,
        {%- for column in ['units', 'days'] %}
        case product_window
            {%- for window in hidden_days + [56] %}
            when {{ window }}
                then sum({{ column }}_{{ window }}) over of_product - {{ column }}_{{ window }}
            {%- endfor %}
        end as product_{{ column }},
        sum({{ column }}_56) over of_product - {{ column }}_56 as product_{{ column }}_56,
        sum({{ column }}_56) over of_category - sum({{ column }}_56) over of_product
            as category_{{ column }},
        sum({{ column }}_56) over of_source - sum({{ column }}_56) over of_product
            as source_{{ column }},
        {%- endfor %}
        case
            {%- for days in hidden_days %}
            when mod(disguise, 4) = {{ loop.index0 }} then {{ days }}
            {%- endfor %}
            else 28
        end as own_window
    from hidden
    window
        of_product as (partition by cutoff_on, source, product_id),
        of_category as (partition by cutoff_on, source, category),
        of_source as (partition by cutoff_on, source)

),

category_means as (

    select
        *,
        coalesce(
            {{ feature_ratio('category_units', 'category_days') }},
            {{ feature_ratio('source_units', 'source_days') }},
            {{ feature_ratio('product_units_56', 'product_days_56') }},
            {{ feature_ratio('units_56', 'days_56') }},
            0
        ) as category_mean
    from others

),

product_means as (

    select
        *,
        (product_units + {{ product_prior_days }} * category_mean)
        / (product_days + {{ product_prior_days }}) as product_mean,
        cast(
            (product_units_56 + {{ product_prior_days }} * category_mean)
            / (product_days_56 + {{ product_prior_days }}) as decimal(18, 8)
        ) as whole_product_mean
    from category_means

),

stores as (

    -- what the store's other products sold, and what their means make one expect of them
    select
        *,
        {%- for window in hidden_days + [56] %}
        sum(units_{{ window }}) over of_store - units_{{ window }} as store_units_{{ window }},
        sum(whole_product_mean * days_{{ window }}) over of_store
        - whole_product_mean * days_{{ window }} as store_expected_{{ window }},
        {%- endfor %}
        sum(whole_product_mean) over of_store - whole_product_mean as store_mean
    from product_means
    window of_store as (partition by cutoff_on, source, store_id)

),

expected as (

    select
        *,
        product_mean * coalesce(
            case store_window
                {%- for window in hidden_days + [56] %}
                when {{ window }}
                    then {{ feature_ratio(
                        'store_units_' ~ window ~ ' + ' ~ store_prior_days ~ ' * store_mean',
                        'store_expected_' ~ window ~ ' + ' ~ store_prior_days ~ ' * store_mean'
                    ) }}
                {%- endfor %}
            end,
            1
        ) as expected_units,
        case own_window
            {%- for window in hidden_days %}
            when {{ window }} then units_{{ window }}
            {%- endfor %}
        end as own_units,
        case own_window
            {%- for window in hidden_days %}
            when {{ window }} then days_{{ window }}
            {%- endfor %}
        end as own_open_days
    from stores

),

feat_cold_start as (

    select
        ---------- ids
        series_number,
        product_id,
        store_id,

        ---------- numerics
        case
            when expected_units > 0
                then
                    (own_units + {{ prior_units }} + {{ prior_days }} * expected_units)
                    / (own_open_days + {{ prior_units }} / expected_units + {{ prior_days }})
            else {{ feature_ratio('own_units', 'own_open_days + ' ~ prior_days) }}
        end as cold_start_mean,
        stratum as cold_start_stratum,

        ---------- booleans
        product_days >= 140 as is_product_week_known,

        ---------- dates
        cutoff_on
    from expected

)

select * from feat_cold_start
